"""What was agreed stays as it was agreed: names, prices, policies, and the way the price came about (MK-17, PD-12, M5)."""

from uuid import UUID

from services.order.pricing import load_quote, load_request, price
from shared.ids import new_id
from tests.integration.order.market import Market


async def test_an_order_keeps_name_price_and_policy_while_the_catalog_moves_on(market: Market) -> None:
    buyer, product = await market.buyer(), await market.product(price_fen=1_200)
    (sku,) = product["skus"]
    policy_key = f"policy-{new_id().hex[-12:]}"
    policy = {
        "key": policy_key,
        "title": "七天无理由",
        "text": "七天内可退。",
        "days": 7,
        "is_default": False,
    }
    await market.operate("catalog", "POST", "/operator/after-sale-policies", policy)
    path = f"/operator/products/{product['product_id']}"
    changed = await market.operate(
        "catalog", "PATCH", path, {"version": product["version"], "after_sale_policy_key": policy_key}
    )
    body, key = await market.order_body(buyer, {sku["sku_id"]: 1}), str(new_id())
    order = await market.order(buyer, {sku["sku_id"]: 1})
    before = (await buyer.get(f"/orders/{order['order_id']}")).json()["lines"]
    assert (before[0]["product_name"], before[0]["unit_price_fen"]) == (product["name"], 1_200)
    assert before[0]["after_sale_policy"] == {
        "key": policy_key,
        "title": "七天无理由",
        "text": "七天内可退。",
        "days": 7,
    }
    await market.operate("catalog", "PATCH", path, {"version": changed["version"], "name": "改了名"})
    new_price = {"options": sku["options"], "price_fen": 1_300}
    await market.operate("catalog", "PUT", f"{path}/skus/{sku['sku_code']}", new_price)
    await market.operate("catalog", "POST", "/operator/after-sale-policies", policy | {"days": 3})
    assert (await buyer.get(f"/orders/{order['order_id']}")).json()["lines"] == before
    dearer = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (dearer.status_code, dearer.json()["type"]) == (409, "/problems/order/price-changed")
    assert dearer.json()["quote"]["lines"][0]["unit_price_fen"] == 1_300
    await market.operate("catalog", "POST", f"{path}/unpublish")
    gone = await buyer.post("/orders", body, **{"idempotency-key": key})
    assert (gone.status_code, gone.json()["type"]) == (409, "/problems/order/nothing-to-buy")
    assert (await market.stock(sku["sku_id"])) == (10, 1, 0)


async def test_an_order_recomputes_to_the_same_fen_from_what_is_stored_with_it(market: Market) -> None:
    buyer = await market.buyer(points=777)
    first, second = await market.sku(price_fen=999), await market.sku(price_fen=3_333)
    coupon_id = await market.coupon(buyer, kind="percent", amount_fen=0, discount_bp=8_500)
    order = await market.order(buyer, {first: 3, second: 2}, coupon_id=coupon_id, use_points=777)
    (stored,) = await market.rows(
        "order",
        "SELECT price_request, quote, goods_fen, discount_fen, freight_fen, payable_fen FROM orders WHERE id = :id",
        id=UUID(order["order_id"]),
    )
    quote = price(load_request(stored["price_request"]))
    assert quote == load_quote(stored["quote"])
    assert (quote.goods_fen, quote.discount_fen, quote.freight_fen, quote.payable_fen) == (
        stored["goods_fen"],
        stored["discount_fen"],
        stored["freight_fen"],
        stored["payable_fen"],
    )
    lines = await market.rows(
        "order", "SELECT payable_fen FROM order_lines WHERE order_id = :id", id=UUID(order["order_id"])
    )
    lines_fen = sum(line["payable_fen"] for line in lines)
    assert lines_fen + quote.freight_fen - quote.freight_discount_fen == order["payable_fen"]
