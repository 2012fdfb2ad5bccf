"""A shop's real history for the audit's tests: orders, refunds, coupons and points made through its API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.layout import PACKAGES
from deploy.secret_files import WITH_FIELD_KEYS, field_keys
from shared.clock import ManualClock
from shared.crypto import FieldKeys
from shared.ids import new_id
from tests.integration.order.after_sale_desk import WAYBILL, Desk
from tests.integration.order.market import Buyer, Market
from tests.support.shop import Shop


@dataclass(frozen=True, slots=True)
class History:
    """The databases of a shop that stands still, as their owners and as the services reach them."""

    owner_urls: Mapping[str, str]
    urls: Mapping[str, str]
    field_keys: Mapping[str, FieldKeys]


def remember(shop: Shop) -> History:
    """How to reach a shop's databases, also after its folder is gone."""
    secrets = shop.folder / "secrets"

    def urls(setting: str) -> dict[str, str]:
        return {name: (secrets / f"{name}_{setting}").read_text() for name in PACKAGES}

    keys = {name: FieldKeys.from_file(secrets / field_keys(name)) for name in WITH_FIELD_KEYS}
    return History(urls("migration_database_url"), urls("database_url"), keys)


async def trade(shop: Shop) -> None:
    """A day of the shop: every state of orders, coupons and points is left by somebody."""
    market = Market(shop, ManualClock(datetime.now(UTC)))
    await market.prepare()
    tea = await market.sku(price_fen=4_990, stock=50)
    pair = [sku["sku_id"] for sku in (await market.product(price_fen=1_250, stock=30, skus=2))["skus"]]
    await market.operate(
        "catalog", "POST", f"/operator/skus/{tea}/stock-adjustments", {"change": 7, "reason": "盘点"}
    )
    anna, bela, carl = [await market.buyer(points=points) for points in (2_000, 500, 300)]
    await _bind_phone(shop, anna)
    await _received_and_partly_refunded(market, anna, tea, pair[0])
    await _wholly_refunded(market, bela, pair)
    await _cancelled(market, carl, tea)
    await _waiting(market, carl, tea)
    partly = await market.paid_order(bela, {pair[0]: 1, pair[1]: 1})
    await market.ship(partly, {(await market.detail(partly))["lines"][0]["order_line_id"]: 1})
    await market.ship(await market.paid_order(anna, {tea: 1}))
    assert (await market.try_order(bela, {tea: 9_000})).status_code == 409
    await _after_sales(market, Desk(market))
    await _of_nothing(market, bela, pair[0])
    await market.settle()


async def _bind_phone(shop: Shop, buyer: Buyer) -> None:
    caller = buyer.caller
    version = (await shop.as_anonymous().get("member", "/privacy-agreement")).json()["version"]
    for purpose in ("privacy", "phone"):
        answer = await caller.post("member", "/me/consents", {"purpose": purpose, "version": version})
        assert answer.status_code < 300, answer.text
    code = await shop.wechat.phone_code(buyer.openid)
    answer = await caller.post("member", "/me/phone", {"code": code})
    assert answer.status_code < 300, answer.text


async def _received_and_partly_refunded(market: Market, buyer: Buyer, tea: str, cup: str) -> None:
    coupon = await market.coupon(buyer)
    order = await market.paid_order(buyer, {tea: 3, cup: 2}, coupon_id=coupon, use_points=700)
    await market.ship(order)
    answer = await buyer.post(f"/orders/{order['order_id']}/confirm-receipt")
    assert answer.status_code == 200, answer.text
    line = (await market.detail(order))["lines"][0]["order_line_id"]
    answer = await market.try_refund(order, {line: 1})
    assert answer.status_code == 201, answer.text
    await market.settle()


async def _wholly_refunded(market: Market, buyer: Buyer, pair: list[str]) -> None:
    coupon = await market.coupon(buyer)
    order = await market.paid_order(buyer, {pair[0]: 2, pair[1]: 1}, coupon_id=coupon, use_points=100)
    lines = (await market.detail(order))["lines"]
    for part in (
        {lines[0]["order_line_id"]: 1},
        {lines[0]["order_line_id"]: 1, lines[1]["order_line_id"]: 1},
    ):
        answer = await market.try_refund(order, part)
        assert answer.status_code == 201, answer.text
        await market.settle()


async def _cancelled(market: Market, buyer: Buyer, tea: str) -> None:
    coupon = await market.coupon(buyer)
    order = await market.order(buyer, {tea: 1}, coupon_id=coupon, use_points=50)
    answer = await buyer.post(f"/orders/{order['order_id']}/cancel")
    assert answer.status_code == 200, answer.text
    await market.settle()


async def _waiting(market: Market, buyer: Buyer, tea: str) -> None:
    coupon = await market.coupon(buyer)
    with_all = await market.order(buyer, {tea: 1}, coupon_id=coupon, use_points=20)
    answer = await buyer.post(f"/orders/{with_all['order_id']}/pay")
    assert answer.status_code == 200, answer.text
    await market.order(buyer, {tea: 2})


async def _after_sales(market: Market, desk: Desk) -> None:
    """One exchange is done, one holds its replacement, and one return came back half damaged."""
    for is_sent in (True, False):
        buyer, order, (line,) = await desk.shipped(2)
        case = await desk.asked(buyer, order, "exchange", {line: 2}, reason="defective")
        await desk.answer(case, "approve")
        await desk.inspect(await desk.does(buyer, case, "send-back", WAYBILL), {line: 1})
        await market.settle()
        if is_sent:
            await desk.answer(case, "ship-replacement", {"carrier": "YTO", "tracking_number": "YT99"})
            await market.settle()
            await desk.does(buyer, case, "confirm-replacement")
    buyer, order, (line,) = await desk.shipped(2)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 2})
    await desk.answer(case, "approve")
    await desk.inspect(await desk.does(buyer, case, "send-back", WAYBILL), {line: 1})


async def _of_nothing(market: Market, buyer: Buyer, cup: str) -> None:
    await market.operate("order", "PUT", "/operator/freight-rule", {"fee_fen": 0, "free_from_fen": None})
    coupon = await market.coupon(buyer, amount_fen=1_250, name=f"送{new_id().hex[-6:]}")
    order = await market.paid_order(buyer, {cup: 1}, coupon_id=coupon)
    assert order["payable_fen"] == 0
