"""Refunds and returns that shoppers ask for: every step, who may take it, and what is given back (OR-10, PD-12)."""

from typing import Any

import pytest

from shared.events import OrderRefunded, RefundFailed
from shared.ids import new_id
from tests.integration.order.after_sale_desk import NO_GOODS, OFFICIAL, WAYBILL, Desk
from tests.integration.order.market import Market


@pytest.fixture
def desk(market: Market) -> Desk:
    return Desk(market)


async def test_what_has_not_left_is_refunded_at_once_with_freight_coupon_points_and_stock(
    desk: Desk, market: Market
) -> None:
    buyer, sku_id = await market.buyer(points=300), await market.sku(price_fen=2_000)
    coupon_id = await market.coupon(buyer)
    order = await market.paid_order(buyer, {sku_id: 3}, coupon_id=coupon_id, use_points=300)
    (line,) = await desk.line_ids(order, [sku_id])
    first = await desk.asked(buyer, order, "refund_only", {line: 1})
    assert (first["status"], first["refund"]["status"]) == ("refunding", "requested")
    assert (first["refund"]["freight_fen"], first["refund"]["points_returned"]) == (0, 100)
    assert [step["reason"] for step in first["timeline"]] == ["not_wanted", "not_shipped", None]
    await market.refunds_arrive()
    assert (await desk.see(buyer, first))["status"] == "completed"
    assert await market.coupon_state(buyer, coupon_id) == "used"
    await desk.books_agree(order)
    last = await desk.asked(buyer, order, "refund_only", {line: 2})
    assert last["after_sale_number"] == f"{order['order_number']}S02"
    await market.refunds_arrive()
    shown = await desk.see(buyer, last)
    assert (shown["status"], shown["refund"]["status"]) == ("completed", "succeeded")
    assert first["refund"]["refund_fen"] + shown["refund"]["refund_fen"] == order["payable_fen"]
    assert shown["refund"]["freight_fen"] == 800
    assert await market.coupon_state(buyer, coupon_id) == "available"
    assert await market.stock(sku_id) == (10, 0, 0)
    assert (await market.points(buyer))[0] == 300
    assert (await market.detail(order))["refund_summary"] == "full"
    steps = ["applied", "approved", "refunding", "completed"]
    assert [await desk.steps(first), await desk.steps(last)] == [steps, steps]
    await desk.books_agree(order)


async def test_goods_come_back_are_looked_at_and_paid_for_and_the_damaged_stay_off_the_shelf(
    desk: Desk, market: Market
) -> None:
    buyer, order, (first, second) = await desk.shipped(3, 2, price_fen=333)
    case = await desk.asked(
        buyer,
        order,
        "return_and_refund",
        {first: 3, second: 1},
        reason="defective",
        description="杯口有裂纹",
        pictures=["/media/after-sale/1.jpg"],
    )
    assert (case["status"], case["refund"], case["return_waybill"]) == ("applied", None, None)
    assert case["expected_refund"] == {"freight_fen": 0, "refund_fen": 4 * 333, "points_returned": 0}
    assert (await desk.line(order, first))["claimed_quantity"] == 3
    assert (await desk.answer(case, "approve"))["status"] == "awaiting_return"
    sent = await desk.does(buyer, case, "send-back", WAYBILL)
    assert (sent["status"], sent["return_waybill"]) == ("returned", WAYBILL)
    received = await desk.inspect(sent, {first: 1, second: 1})
    assert (received["status"], received["refund"]["refund_fen"]) == ("refunding", 4 * 333)
    assert received["expected_refund"] is None
    assert sorted(line["restockable_quantity"] for line in received["lines"]) == [1, 1]
    await market.refunds_arrive()
    assert await desk.steps(case) == [
        *("applied", "approved", "awaiting_return", "returned", "received", "refunding", "completed")
    ]
    skus = {line["order_line_id"]: line["sku_id"] for line in case["lines"]}
    assert await market.stock(skus[first]) == (8, 0, 2)
    assert await market.stock(skus[second]) == (9, 0, 1)
    (refunded,) = await market.announced(order, OrderRefunded)
    back = {line["order_line_id"]: line["restock_quantity"] for line in refunded["lines"]}
    assert back == {first: 1, second: 1}
    noted = await market.operate("catalog", "GET", f"/operator/skus/{skus[first]}/stock-movements")
    assert (noted["items"][0]["kind"], noted["items"][0]["reason"]) == (
        "restock",
        "2 of 3 stay off the shelf",
    )
    await desk.books_agree(order)


async def test_money_alone_for_goods_that_left_puts_nothing_on_the_shelf(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.bought(4)
    await market.ship(order, {line: 2})
    case = await desk.asked(buyer, order, "refund_only", {line: 3}, reason="not_received")
    assert case["status"] == "applied", "something has left, so somebody must look"
    held = await desk.line(order, line)
    assert (held["claimed_quantity"], held["held_back_quantity"]) == (3, 2)
    assert (await desk.answer(case, "approve"))["status"] == "refunding"
    await market.refunds_arrive()
    detail = await market.detail(order)
    assert (detail["status"], detail["refund_summary"]) == ("shipped", "partial")
    sku_id = case["lines"][0]["sku_id"]
    assert await market.stock(sku_id) == (8, 0, 2)
    await desk.books_agree(order)


async def test_what_may_be_refunded_is_not_shipped_meanwhile(desk: Desk, market: Market) -> None:
    await desk.rules(approve_unshipped_at_once=False)
    try:
        buyer, order, (line,) = await desk.bought(3)
        case = await desk.asked(buyer, order, "refund_only", {line: 2})
    finally:
        await desk.rules()
    assert case["status"] == "applied"
    parcel = {"carrier": "SF", "tracking_number": "SF1", "lines": [{"order_line_id": line, "quantity": 2}]}
    refused = await market.shop.as_operator("operations").post(
        "order",
        f"/operator/orders/{order['order_id']}/shipments",
        parcel,
        headers={"idempotency-key": str(new_id())},
    )
    assert (refused.status_code, refused.json()["unshipped_quantity"]) == (409, 1)
    assert [each["quantity"] for each in (await market.ship(order))["lines"]] == [1]
    assert await market.status(order) == "partly_shipped"
    await desk.does(buyer, case, "cancel")
    assert [each["quantity"] for each in (await market.ship(order))["lines"]] == [2]
    assert await market.status(order) == "shipped"
    again = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.does(buyer, again, "cancel")
    assert (await desk.does(buyer, again, "cancel"))["status"] == "cancelled"
    await desk.books_agree(order)


async def test_returning_what_has_left_does_not_keep_the_rest_from_leaving(
    desk: Desk, market: Market
) -> None:
    buyer, order, (line,) = await desk.bought(3)
    await market.ship(order, {line: 1})
    case = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.answer(case, "approve")
    await desk.inspect(await desk.does(buyer, case, "send-back", WAYBILL), {line: 1})
    await market.refunds_arrive()
    assert [each["quantity"] for each in (await market.ship(order))["lines"]] == [2]
    assert await market.status(order) == "shipped"
    await desk.books_agree(order)


async def test_a_rejection_may_be_answered_and_decided_by_finance(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(2)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    assert (await desk.answer(case, "reject", NO_GOODS))["status"] == "rejected"
    amended = await desk.does(
        buyer,
        case,
        "amend",
        {"reason": "defective", "description": "请看第二张", "pictures": ["/media/a/2.png"]},
    )
    assert (amended["status"], amended["reason"]) == ("applied", "defective")
    await desk.answer(case, "reject", NO_GOODS)
    assert (await desk.does(buyer, case, "escalate"))["status"] == "arbitrating"
    refused = await desk.try_answer(case, "approve")
    assert (refused.status_code, refused.json()["after_sale_status"]) == (409, "arbitrating")
    words = {"text": "证据充分", "in_favour_of": "member"}
    assert (await desk.try_answer(case, "decide", words, role="service_desk")).status_code == 403
    assert (await desk.answer(case, "decide", words))["status"] == "awaiting_return"
    await desk.does(buyer, case, "send-back", WAYBILL)
    assert (await desk.answer(case, "reject", {"text": "寄回的不是本店商品"}))["status"] == "rejected"
    await desk.does(buyer, case, "escalate")
    decided = await desk.answer(case, "decide", words)
    assert decided["status"] == "returned", "what was sent back need not be sent again"
    await desk.inspect(decided, {line: 0})
    await market.refunds_arrive()
    other = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.answer(other, "reject", NO_GOODS)
    await desk.does(buyer, other, "escalate")
    closed = await desk.answer(other, "decide", {"text": "超出范围", "in_favour_of": "shop"})
    assert (closed["status"], closed["refund"]) == ("closed", None)
    assert await desk.steps(other) == ["applied", "rejected", "arbitrating", "closed"]
    assert await desk.steps(case) == [
        *("applied", "rejected", "applied", "rejected", "arbitrating", "approved", "awaiting_return"),
        *(
            "returned",
            "rejected",
            "arbitrating",
            "approved",
            "returned",
            "received",
            "refunding",
            "completed",
        ),
    ]
    said = (await buyer.get(f"/after-sales/{case['after_sale_id']}/messages?limit=3")).json()
    assert [each["author_kind"] for each in said["items"]] == ["operator"] * 3
    more = (await buyer.get(f"/after-sales/{case['after_sale_id']}/messages?after={said['next']}")).json()
    assert [each["text"] for each in more["items"]] == ["照片看不出问题", "请看第二张", "照片看不出问题"]
    assert more["next"] is None
    await desk.books_agree(order)


async def test_both_sides_talk_until_it_ends_and_what_they_say_is_sealed_and_stays(
    desk: Desk, market: Market
) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "exchange", {line: 1}, description="请打 13912345678")
    path, key = f"/after-sales/{case['after_sale_id']}/messages", str(new_id())
    mine = {"text": "在吗，13912345678", "pictures": [f"/media/x/{number}.jpg" for number in range(9)]}
    told = [await buyer.post(path, mine, **{"idempotency-key": key}) for _ in range(2)]
    assert [answer.status_code for answer in told] == [201, 201]
    assert told[0].json() == told[1].json()
    answered = await desk.try_answer(case, "messages", {"text": "在的"})
    assert answered.status_code == 201
    shown = await market.shop.as_operator("auditor").get("order", f"/operator{path}")
    assert [each["text"] for each in shown.json()["items"]] == [
        "在的",
        "在吗，13912345678",
        "请打 13912345678",
    ]
    assert (await market.shop.as_operator("finance").get("order", f"/operator{path}")).status_code == 403
    kept = await market.rows(
        "order",
        "SELECT text_sealed FROM after_sale_messages WHERE after_sale_id = :id",
        id=case["after_sale_id"],
    )
    assert len(kept) == 3
    assert not [row for row in kept if "13912345678" in row["text_sealed"]]
    for column, table in (("answer", "idempotency_keys"), ("envelope", "outbox"), ("after", "audit_log")):
        with_phone = f"SELECT 1 FROM {table} WHERE CAST({column} AS text) LIKE '%13912345678%'"
        assert await market.rows("order", with_phone) == []
    with pytest.raises(Exception, match="permission denied"):
        await market.execute("DELETE FROM after_sale_messages")
    with pytest.raises(Exception, match="permission denied"):
        await market.execute("UPDATE after_sale_history SET reason = 'x'")
    await desk.does(buyer, case, "cancel")
    over = await buyer.post(path, mine, **{"idempotency-key": str(new_id())})
    assert (over.status_code, over.json()["after_sale_status"]) == (409, "cancelled")
    assert (await desk.try_answer(case, "messages", {"text": "好"})).status_code == 409


async def test_a_step_that_is_not_due_is_a_problem_and_changes_nothing(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "exchange", {line: 1})
    before = await market.rows(
        "order", "SELECT * FROM after_sales WHERE order_id = :id", id=order["order_id"]
    )
    inspected = {"lines": [{"order_line_id": line, "restockable_quantity": 1, "damaged_quantity": 0}]}
    too_early: list[tuple[str, Any]] = [
        ("receive", inspected),
        ("refund-instead", None),
        ("retry-replacement", None),
        ("ship-replacement", WAYBILL),
        ("decide", {"text": "x", "in_favour_of": "shop"}),
    ]
    for verb, body in too_early:
        answer = await desk.try_answer(case, verb, body)
        assert (answer.status_code, answer.json()["after_sale_status"]) == (409, "applied"), verb
    amend = {"reason": "other"}
    for verb, body in (
        ("amend", amend),
        ("escalate", None),
        ("send-back", WAYBILL),
        ("confirm-replacement", None),
    ):
        answer = await desk.try_do(buyer, case, verb, body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/order/after-sale-wrong-status")
    after = await market.rows("order", "SELECT * FROM after_sales WHERE order_id = :id", id=order["order_id"])
    assert after == before
    assert await desk.steps(case) == ["applied"]


async def test_the_agreed_policy_decides_about_what_has_left(desk: Desk, market: Market) -> None:
    buyer, never, week = await market.buyer(), await desk.sku_under(days=0), await desk.sku_under(days=7)
    order = await market.paid_order(buyer, {never: 2, week: 2})
    fresh, plain = await desk.line_ids(order, [never, week])
    assert (await desk.asked(buyer, order, "refund_only", {fresh: 1}))["status"] == "refunding"
    await market.ship(order)
    for kind in ("refund_only", "return_and_refund", "exchange"):
        refused = await desk.ask(buyer, order, kind, {fresh: 1, plain: 1})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order/no-returns")
        assert refused.json()["policy_title"] == "0 天"
    assert (await desk.line(order, plain))["claimed_quantity"] == 0, "all lines or none"
    received = await buyer.post(f"/orders/{order['order_id']}/confirm-receipt")
    assert received.status_code == 200
    await market.advance(days=7)
    case = await desk.asked(buyer, order, "return_and_refund", {plain: 1})
    await market.advance(seconds=1)
    late = await desk.ask(buyer, order, "return_and_refund", {plain: 1})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/order/after-sale-window-over")
    assert (await desk.answer(case, "approve"))["status"] == "awaiting_return", "it was asked for in time"


async def test_a_line_is_asked_about_five_times_at_most(desk: Desk) -> None:
    buyer, order, (line, other) = await desk.shipped(1, 1)
    for _ in range(5):
        await desk.does(buyer, await desk.asked(buyer, order, "exchange", {line: 1}), "cancel")
    sixth = await desk.ask(buyer, order, "exchange", {line: 1, other: 1})
    assert (sixth.status_code, sixth.json()["type"]) == (409, "/problems/order/too-many-after-sales")
    assert (await desk.line(order, other))["after_sale_requests"] == 0
    assert (await desk.asked(buyer, order, "exchange", {other: 1}))["after_sale_number"].endswith("S06")


async def test_operators_refunds_and_requests_count_each_other(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(4)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 2})
    refused = await market.try_refund(order, {line: 3})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/order/not-refundable")
    lines = [{"order_line_id": line, "quantity": 2, "restock_quantity": 1}]
    given = await market.try_refund(order, {}, lines=lines)
    assert (given.status_code, given.json()["lines"][0]["restock_quantity"]) == (201, 1)
    nothing_left = await desk.ask(buyer, order, "refund_only", {line: 1})
    assert (nothing_left.status_code, nothing_left.json()["claimable_quantity"]) == (409, 0)
    await desk.answer(case, "approve")
    await desk.inspect(await desk.does(buyer, case, "send-back", WAYBILL), {line: 2})
    await market.refunds_arrive()
    assert await market.stock(case["lines"][0]["sku_id"]) == (9, 0, 1)
    assert (await market.detail(order))["refund_summary"] == "full"
    await desk.books_agree(order)
    too_much = [{"order_line_id": line, "quantity": 1, "restock_quantity": 2}]
    assert (await market.try_refund(order, {}, lines=too_much)).status_code == 422


async def test_after_a_mixture_of_pieces_every_sum_is_the_engines(desk: Desk, market: Market) -> None:
    buyer = await market.buyer(points=777)
    skus = [await market.sku(price_fen=price) for price in (333, 499, 0)]
    coupon_id = await market.coupon(buyer)
    wish = dict(zip(skus, (7, 5, 2), strict=True))
    order = await market.paid_order(buyer, wish, coupon_id=coupon_id, use_points=777)
    a, b, gift = await desk.line_ids(order, skus)
    await desk.asked(buyer, order, "refund_only", {a: 2, gift: 1})
    await market.ship(order, {a: 3, b: 4, gift: 1})
    back = await desk.asked(buyer, order, "return_and_refund", {a: 1, b: 2})
    lost = await desk.asked(buyer, order, "refund_only", {b: 2, a: 1}, reason="not_received")
    assert (await market.try_refund(order, {a: 1})).status_code == 201
    await desk.answer(lost, "approve")
    await desk.answer(back, "approve")
    await desk.inspect(await desk.does(buyer, back, "send-back", WAYBILL), {a: 1, b: 0})
    await market.refunds_arrive()
    await desk.books_agree(order)
    rest = await desk.asked(buyer, order, "refund_only", {a: 2, b: 1, gift: 1})
    await desk.answer(rest, "approve")
    await market.refunds_arrive()
    await desk.books_agree(order)
    detail = await market.detail(order)
    assert (detail["status"], detail["refund_summary"]) == ("shipped", "full")
    assert detail["refunded_fen"] == order["payable_fen"] - 800, "the freight of what was shipped stays"
    assert await market.coupon_state(buyer, coupon_id) == "available"
    assert (await market.points(buyer))[0] == 777


async def test_a_refund_that_cannot_be_paid_out_is_seen_in_the_request_until_it_is(
    desk: Desk, market: Market
) -> None:
    buyer, order, (line,) = await desk.bought(1)
    unreachable = {"match": {"api": "refund"}, "times": 99, "action": {"kind": "error", "status": 500}}
    await market.shop.wechat.faults(unreachable)
    try:
        case = await desk.asked(buyer, order, "refund_only", {line: 1})
        failed = {
            "refund_id": case["refund"]["refund_id"],
            "order_id": order["order_id"],
            "payment_id": new_id(),
            "reason": "ABNORMAL",
            "failed_at": market.clock.now(),
        }
        await market.hear(RefundFailed.model_validate(failed))
        shown = await desk.see(buyer, case)
        assert (shown["status"], shown["refund"]["status"]) == ("refunding", "needs_attention")
        retry = f"/operator/refunds/{case['refund']['refund_id']}/retry"
        assert (await market.shop.as_operator("finance").post("order", retry)).status_code == 200
    finally:
        await market.shop.wechat.faults()
    await market.advance(minutes=5)
    await market.refunds_arrive()
    assert (await desk.see(buyer, case))["status"] == "completed"


async def test_what_cost_nothing_is_given_back_without_the_payment_service(
    desk: Desk, market: Market
) -> None:
    buyer, gift = await market.buyer(), await market.sku(price_fen=0)
    order = await market.paid_order(buyer, {gift: 2})
    (line,) = await desk.line_ids(order, [gift])
    case = await desk.asked(buyer, order, "refund_only", {line: 1})
    assert (case["status"], case["refund"]["status"]) == ("completed", "succeeded")
    assert await desk.steps(case) == ["applied", "approved", "refunding", "completed"]
    await market.settle()
    assert await market.stock(gift) == (9, 0, 1)


async def test_only_paid_orders_of_ones_own_and_only_requests_of_ones_own(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    stranger, sku_id = await market.buyer(), await market.sku()
    unpaid = await market.order(buyer, {sku_id: 1})
    (open_line,) = await desk.line_ids(unpaid, [sku_id])
    assert (await desk.ask(buyer, unpaid, "refund_only", {open_line: 1})).json()[
        "order_status"
    ] == "pending_pay"
    assert (await desk.ask(stranger, order, "refund_only", {line: 1})).status_code == 404
    assert (await desk.ask(buyer, order, "refund_only", {open_line: 1})).status_code == 422
    case = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    path = f"/after-sales/{case['after_sale_id']}"
    verbs: list[tuple[str, Any]] = [
        ("cancel", None),
        ("escalate", None),
        ("confirm-replacement", None),
        ("send-back", WAYBILL),
        ("amend", {"reason": "other"}),
    ]
    for verb, body in verbs:
        assert (await desk.try_do(stranger, case, verb, body)).status_code == 404
    said = await stranger.post(f"{path}/messages", {"text": "x"}, **{"idempotency-key": "k"})
    assert said.status_code == 404
    assert [(await stranger.get(each)).status_code for each in (path, f"{path}/messages")] == [404, 404]
    assert (await stranger.get("/after-sales")).json() == {"items": [], "next": None}
    mine = (await buyer.get(f"/after-sales?order_id={order['order_id']}&status=applied")).json()["items"]
    assert [each["after_sale_id"] for each in mine] == [case["after_sale_id"]]
    assert (await buyer.get("/after-sales?status=closed")).json()["items"] == []
    listed = await market.shop.as_operator("auditor").get(
        "order", f"/operator/after-sales?order_id={order['order_id']}&kind=return_and_refund"
    )
    assert [each["member_id"] for each in listed.json()["items"]] == [str(buyer.member_id)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "money"},
        {"reason": "我就要退"},
        {"lines": []},
        {"pictures": [f"/media/{number}.jpg" for number in range(10)]},
        {"pictures": ["https://evil.example/1.jpg"]},
        {"pictures": ["/media/../etc/passwd"]},
        {"description": "x" * 1_001},
        {"refund_fen": 1},
        {"status": "approved"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_request_of_the_wrong_form_is_refused(
    desk: Desk, market: Market, wrong: dict[str, Any]
) -> None:
    body = {
        "kind": "refund_only",
        "lines": [{"order_line_id": str(new_id()), "quantity": 1}],
        "reason": "other",
    }
    answer = await market.shop.as_member().post(
        "order",
        f"/orders/{new_id()}/after-sales",
        body | wrong,
        headers={"idempotency-key": str(new_id())},
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


async def test_an_inspection_accounts_for_every_unit(desk: Desk) -> None:
    buyer, order, (line, other) = await desk.shipped(2, 1)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 2})
    await desk.answer(case, "approve")
    await desk.does(buyer, case, "send-back", WAYBILL)

    def of(order_line_id: str, fine: int, damaged: int) -> dict[str, Any]:
        return {
            "order_line_id": order_line_id,
            "restockable_quantity": fine,
            "damaged_quantity": damaged,
        }

    wrong: tuple[list[dict[str, Any]], ...] = (
        [of(line, 1, 0)],
        [of(line, 2, 1)],
        [of(other, 1, 0)],
        [of(line, 1, 1), of(other, 0, 0)],
        [],
    )
    for lines in wrong:
        assert (await desk.try_answer(case, "receive", {"lines": lines})).status_code == 422
    assert (await desk.see(buyer, case))["status"] == "returned"


async def test_what_operators_do_is_in_the_audit_log_and_rules_are_theirs(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.answer(case, "reject", NO_GOODS)
    logged = await market.rows(
        "order",
        "SELECT action, before, after FROM audit_log WHERE subject = :subject",
        subject=f"after-sale/{case['after_sale_id']}",
    )
    assert [(entry["action"], entry["before"]["status"], entry["after"]["status"]) for entry in logged] == [
        ("after-sale.reject", "applied", "rejected")
    ]
    path = "/operator/after-sale-rules"
    assert (await market.shop.as_operator("auditor").get("order", path)).json() == OFFICIAL
    assert (await market.shop.as_operator("service_desk").put("order", path, OFFICIAL)).status_code == 403
    wrong = OFFICIAL | {"answer_seconds": 0}
    assert (await market.shop.as_operator("operations").put("order", path, wrong)).status_code == 422
