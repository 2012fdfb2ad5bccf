"""Importing products from a file: every row counted, none twice, whoever dies (PD-01)."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest

from services.catalog.imports import usecases
from services.catalog.imports.files import COLUMNS
from shared.database import begin, reading
from shared.ids import new_id
from tests.integration.catalog.goods import AT, Catalog


def a_file(category: str, prefix: str, count: int, *, extra: Iterable[str] = ()) -> bytes:
    """A file of so many products with one SKU each."""
    rows = [f"{prefix}-{n},商品{n},{category},{prefix}-{n}-S,,{n}.50,,7,100,on_sale,," for n in range(count)]
    return "\n".join([",".join(COLUMNS), *rows, *extra]).encode()


async def upload(catalog: Catalog, content: bytes) -> str:
    """An operator uploads a file; the import's id."""
    started = await catalog.operate(
        "POST", "/operator/product-imports", files={"file": ("goods.csv", content, "text/csv")}
    )
    assert started["state"] == "waiting"
    return str(started["import_id"])


async def progress(catalog: Catalog, import_id: str) -> dict[str, Any]:
    return dict(await catalog.operate("GET", f"/operator/product-imports/{import_id}"))


async def work_off(catalog: Catalog) -> None:
    """The worker does what is due."""
    await catalog.shop.platform.workers["catalog"].timer_loop.run_due()


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["rows_created"], found["rows_updated"], found["rows_unchanged"], found["rows_failed"]


async def a_category(catalog: Catalog) -> str:
    """The path of a new category two levels down."""
    root, leaf = f"根{new_id().hex[-12:]}", f"叶{new_id().hex[-12:]}"
    await catalog.category(leaf, await catalog.category(root))
    return f"{root}/{leaf}"


async def test_a_file_becomes_products_on_sale_with_stock_and_can_be_found(catalog: Catalog) -> None:
    prefix = f"I{new_id().hex[-12:]}"
    import_id = await upload(catalog, a_file(await a_category(catalog), prefix, 3))
    await work_off(catalog)
    found = await progress(catalog, import_id)
    assert (found["state"], found["rows_done"], counts(found)) == ("done", 3, (3, 0, 0, 0))
    items = (await catalog.get("/search", params={"q": f"{prefix}"})).json()["items"]
    assert sorted(item["min_price_fen"] for item in items) == [50, 150, 250]
    detail = (await catalog.get(f"/products/{items[0]['product_id']}")).json()
    assert [sku["available"] for sku in detail["skus"]] == [7]
    events = await catalog.execute(
        "SELECT id FROM outbox WHERE type = 'product.changed.v1' AND envelope LIKE :code",
        code=f'%"{prefix}-%',
    )
    assert len(events) == 3


async def test_the_same_file_again_changes_nothing_even_after_sales(catalog: Catalog) -> None:
    prefix = f"I{new_id().hex[-12:]}"
    content = a_file(await a_category(catalog), prefix, 3)
    await upload(catalog, content)
    await work_off(catalog)
    before = await catalog.execute(
        "SELECT p.version, s.id, l.on_hand FROM products p JOIN skus s ON s.product_id = p.id"
        " JOIN stock_levels l ON l.sku_id = s.id WHERE p.product_code LIKE :like ORDER BY s.id",
        like=f"{prefix}-%",
    )
    sku_id = str(before[0].id)
    assert (await catalog.reserve(new_id(), {sku_id: 5})).status_code == 200
    import_id = await upload(catalog, content)
    await work_off(catalog)
    assert counts(await progress(catalog, import_id)) == (0, 0, 3, 0)
    after = await catalog.execute(
        "SELECT p.version, s.id, l.on_hand FROM products p JOIN skus s ON s.product_id = p.id"
        " JOIN stock_levels l ON l.sku_id = s.id WHERE p.product_code LIKE :like ORDER BY s.id",
        like=f"{prefix}-%",
    )
    assert after == before
    assert await catalog.stock(sku_id) == (7, 5, 0)


async def test_bad_rows_are_told_one_by_one_and_the_good_ones_go_in(catalog: Catalog) -> None:
    prefix, category = f"I{new_id().hex[-12:]}", await a_category(catalog)
    foreign = (await catalog.product())["skus"][0]["sku_code"]
    bad = [
        f"{prefix}-a,贵,{category},{prefix}-a,,免费,,1,1,on_sale,,",
        f"{prefix}-b,负,{category},{prefix}-b,,1,,-1,x,on_sale,,",
        f"{prefix}-c,无类目,没有/这个,{prefix}-c,,1,,1,1,on_sale,,",
        f"{prefix}-d,重复,{category},{prefix}-0-S,,1,,1,1,on_sale,,",
        f"{prefix}-e,别人的,{category},{foreign},,1,,1,1,on_sale,,",
        f"{prefix}-f,=1+1,{category},{prefix}-f,,1,,1,1,on_sale,,",
        f"{prefix}-g,少了,{category}",
    ]
    import_id = await upload(catalog, a_file(category, prefix, 2, extra=bad))
    await work_off(catalog)
    found = await progress(catalog, import_id)
    assert (found["state"], found["rows_total"], counts(found)) == ("done", 9, (2, 0, 0, 7))
    errors, after = [], None
    while True:
        params = {"limit": 3} | ({"after": after} if after else {})
        page = await catalog.operate("GET", f"/operator/product-imports/{import_id}/errors", params=params)
        errors += [(error["row_number"], error["column"]) for error in page["items"]]
        if (after := page["next"]) is None:
            break
    assert errors == [
        (4, "price_yuan"),
        (5, "stock"),
        (5, "weight_grams"),
        (6, "category"),
        (7, "sku_code"),
        (8, "sku_code"),
        (9, "name"),
        (10, ""),
    ]


async def test_a_worker_killed_half_way_leaves_whole_batches_and_the_next_one_goes_on(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecases, "BATCH_ROWS", 10)
    prefix = f"I{new_id().hex[-12:]}"
    import_id = UUID(await upload(catalog, a_file(await a_category(catalog), prefix, 35)))
    async with reading(catalog.engine) as connection:
        groups = await usecases.read_import(connection, import_id)
    async with begin(catalog.engine) as work:
        assert await usecases.import_batch(work, import_id, groups, at=AT)
    with contextlib.suppress(asyncio.CancelledError):
        async with begin(catalog.engine) as work:
            assert await usecases.import_batch(work, import_id, groups, at=AT)
            raise asyncio.CancelledError  # killed before it could commit
    found = await progress(catalog, str(import_id))
    assert (found["state"], found["rows_done"]) == ("running", 10)

    await catalog.execute(  # what the killed worker had leased comes free
        "UPDATE timers SET leased_until = now() - interval '1 second' WHERE key = :key", key=str(import_id)
    )
    await work_off(catalog)
    found = await progress(catalog, str(import_id))
    assert (found["state"], counts(found)) == ("done", (35, 0, 0, 0))
    stock = await catalog.execute(
        "SELECT count(*) AS skus, sum(l.on_hand) AS units FROM skus s JOIN stock_levels l ON l.sku_id = s.id"
        " WHERE s.sku_code LIKE :like",
        like=f"{prefix}-%",
    )
    assert (stock[0].skus, stock[0].units) == (35, 35 * 7)


async def test_two_workers_on_one_file_import_every_row_once(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecases, "BATCH_ROWS", 5)
    import_id = UUID(await upload(catalog, a_file(await a_category(catalog), f"I{new_id().hex[-12:]}", 40)))

    async def go_through() -> None:
        async with reading(catalog.engine) as connection:
            groups = await usecases.read_import(connection, import_id)
        going = True
        while going:
            async with begin(catalog.engine) as work:
                going = await usecases.import_batch(work, import_id, groups, at=AT)

    await asyncio.gather(go_through(), go_through())
    assert counts(await progress(catalog, str(import_id))) == (40, 0, 0, 0)


async def test_a_stopped_import_is_resumed_at_once_and_a_finished_one_left_alone(catalog: Catalog) -> None:
    import_id = await upload(catalog, a_file(await a_category(catalog), f"I{new_id().hex[-12:]}", 2))
    await catalog.execute(
        "UPDATE timers SET leased_until = now() + interval '1 hour' WHERE key = :key", key=import_id
    )
    await work_off(catalog)
    assert (await progress(catalog, import_id))["rows_done"] == 0
    for _ in range(2):
        await catalog.operate("POST", f"/operator/product-imports/{import_id}/resume")
        await work_off(catalog)
        assert counts(await progress(catalog, import_id)) == (2, 0, 0, 0)


async def test_prices_names_and_options_change_with_a_new_file(catalog: Catalog) -> None:
    prefix, category = f"I{new_id().hex[-12:]}", await a_category(catalog)
    header = ",".join(COLUMNS)

    async def take_over(*rows: str) -> tuple[int, int, int, int]:
        import_id = await upload(catalog, "\n".join([header, *rows]).encode())
        await work_off(catalog)
        return counts(await progress(catalog, import_id))

    white = f"{prefix},碗,{category},{prefix}-W,颜色=白,5.00,,3,100,on_sale,碗|餐具,柴烧"
    black = f"{prefix},,{category},{prefix}-B,颜色=黑,5.00,,3,100,,,"
    assert await take_over(white, black) == (1, 0, 0, 1)
    black = black.replace(",,", ",碗,", 1)
    assert await take_over(white, black) == (1, 0, 1, 0)
    swapped = [white.replace("颜色=白", "颜色=红"), black.replace("颜色=黑", "颜色=白")]
    assert await take_over(*swapped) == (0, 2, 0, 0)
    [row] = await catalog.execute(
        "SELECT options, version FROM products WHERE product_code = :code", code=prefix
    )
    assert row.options == [{"name": "颜色", "values": ["白", "黑", "红"]}]


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"a,b\n1,2", b"x" * (5 * 1024 * 1024 + 1)])
async def test_a_file_that_is_no_import_is_refused_at_once(catalog: Catalog, content: bytes) -> None:
    files = {"file": ("goods.csv", content, "text/csv")}
    status, _ = await catalog.refused("POST", "/operator/product-imports", files=files)
    assert status == (413 if len(content) > 5 * 1024 * 1024 else 422)
