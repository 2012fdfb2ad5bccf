"""A real range of goods comes in whole: 3,659 products of "Online Retail" (PD-01, SE-01)."""

import csv
import time
from pathlib import Path

from demo import online_retail
from tests.integration.catalog.goods import Catalog

GOODS = Path(online_retail.__file__).with_name("goods.csv")


async def test_the_goods_of_a_real_shop_are_imported_found_and_imported_again_without_effect(
    catalog: Catalog,
) -> None:
    content = GOODS.read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines()))
    category_id = await catalog.category("Online Retail")

    for created, unchanged in ((3659, 0), (0, 3659)):
        started = await catalog.operate(
            "POST", "/operator/product-imports", files={"file": ("goods.csv", content, "text/csv")}
        )
        began = time.monotonic()
        await catalog.shop.platform.workers["catalog"].timer_loop.run_due()
        assert time.monotonic() - began < 30
        found = await catalog.operate("GET", f"/operator/product-imports/{started['import_id']}")
        assert found["state"] == "done"
        assert (found["rows_total"], found["rows_created"], found["rows_unchanged"]) == (
            3659,
            created,
            unchanged,
        )
        assert (found["rows_updated"], found["rows_failed"]) == (0, 0)

    stored = await catalog.execute(
        "SELECT p.product_code, p.name, p.min_price_fen, p.status, l.on_hand FROM products p"
        " JOIN skus s ON s.product_id = p.id JOIN stock_levels l ON l.sku_id = s.id"
        " WHERE p.category_id = :category_id",
        category_id=category_id,
    )
    assert {row.product_code: (row.name, row.min_price_fen) for row in stored} == {
        row["product_code"]: (row["name"], round(float(row["price_yuan"]) * 100)) for row in rows
    }
    assert {(row.status, row.on_hand) for row in stored} == {("on_sale", 100)}
    prices = {row.product_code: row.min_price_fen for row in stored}
    assert (prices["10002"], prices["85123A"], prices["22423"]) == (85, 295, 1275)

    answer = await catalog.get("/search", params={"q": "hanging heart t-light", "limit": 5})
    assert "WHITE HANGING HEART T-LIGHT HOLDER" in [item["name"] for item in answer.json()["items"]]
    page = (await catalog.get("/products", params={"category_id": category_id, "limit": 100})).json()
    assert len(page["items"]) == 100
    assert page["next"]
