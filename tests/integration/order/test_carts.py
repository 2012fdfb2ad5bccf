"""The cart (OR-01)."""

import asyncio
from uuid import UUID

from services.order.carts.domain import MAX_LINES
from services.order.carts.storage import Carts
from services.order.carts.usecases import put_line
from shared.database import committing_each
from shared.ids import new_id
from tests.integration.order.market import Market


async def test_a_cart_shows_live_goods_and_what_happened_to_them(market: Market) -> None:
    buyer = await market.buyer()
    mug, lamp = await market.product(price_fen=1_000, stock=3), await market.product(price_fen=5_000)
    mug_id, lamp_id = (product["skus"][0]["sku_id"] for product in (mug, lamp))
    assert (await buyer.put(f"/cart/lines/{mug_id}", {"quantity": 4})).status_code == 204
    assert (await buyer.put(f"/cart/lines/{lamp_id}", {"quantity": 1})).status_code == 204
    await market.operate("catalog", "POST", f"/operator/products/{lamp['product_id']}/unpublish")
    cart = (await buyer.get("/cart")).json()
    told = {
        line["sku_id"]: (line["flags"], line["quantity"], line["unit_price_fen"], line["available"])
        for line in cart["lines"]
    }
    assert told == {mug_id: (["short_of_stock"], 4, 1_000, 3), lamp_id: (["off_sale"], 1, 5_000, 10)}
    assert cart["selected_goods_fen"] == 4_000
    assert (await buyer.put(f"/cart/lines/{mug_id}", {"quantity": 2, "selected": False})).status_code == 204
    assert (await buyer.get("/cart")).json()["selected_goods_fen"] == 0
    for _ in range(2):
        assert (await buyer.caller.delete("order", f"/cart/lines/{mug_id}")).status_code == 204
    assert [line["sku_id"] for line in (await buyer.get("/cart")).json()["lines"]] == [lamp_id]


async def test_only_what_is_sold_gets_into_a_cart(market: Market) -> None:
    buyer, product = await market.buyer(), await market.product()
    sku_id = product["skus"][0]["sku_id"]
    await market.operate("catalog", "POST", f"/operator/products/{product['product_id']}/unpublish")
    off_sale = await buyer.put(f"/cart/lines/{sku_id}", {"quantity": 1})
    assert (off_sale.status_code, off_sale.json()["type"]) == (409, "/problems/order/not-on-sale")
    assert (await buyer.put(f"/cart/lines/{new_id()}", {"quantity": 1})).status_code == 404
    assert (await buyer.get("/cart")).json()["lines"] == []


async def test_a_full_cart_takes_nothing_new_however_many_try(market: Market) -> None:
    buyer = await market.buyer()
    products = [await market.product(skus=4) for _ in range(2)]
    skus = [UUID(sku["sku_id"]) for product in products for sku in product["skus"]]
    async with committing_each(market.resources.engine) as connection:
        for _ in range(MAX_LINES - 3):
            added = await Carts(connection).add(
                buyer.member_id,
                new_id(),
                quantity=1,
                is_selected=False,
                added_price_fen=1,
                added_at=market.clock.now(),
            )
            assert added
    outcomes = await asyncio.gather(
        *(
            put_line(market.resources, buyer.caller.principal, sku_id, quantity=1, is_selected=True)
            for sku_id in skus
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CartFull"] * 5 + ["NoneType"] * 3
    kept = (await buyer.get("/cart")).json()["lines"]
    assert len(kept) == MAX_LINES
    present = next(line["sku_id"] for line in kept if line["flags"] == [])
    assert (await buyer.put(f"/cart/lines/{present}", {"quantity": 7})).status_code == 204
    deleted = [line for line in kept if line["flags"] == ["deleted"]]
    assert len(deleted) == MAX_LINES - 3


async def test_the_selected_lines_are_previewed_and_ordered_together(market: Market) -> None:
    buyer, chosen, left = await market.buyer(), await market.sku(), await market.sku()
    await buyer.put(f"/cart/lines/{chosen}", {"quantity": 2})
    await buyer.put(f"/cart/lines/{left}", {"quantity": 1, "selected": False})
    quote = await market.preview(buyer, {})
    assert [(line["sku_id"], line["quantity"]) for line in quote["lines"]] == [(chosen, 2)]
    await market.order(buyer, {})
    assert [line["sku_id"] for line in (await buyer.get("/cart")).json()["lines"]] == [left]
    empty = await buyer.post("/checkout/preview", {})
    assert (empty.status_code, empty.json()["type"]) == (409, "/problems/order/nothing-to-buy")
