"""When nobody answers, sends, looks or insists in time (domain.md); and an order that waits for its decision (OR-04)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from services.order.after_sales.advance_overdue import advance_overdue
from shared.database import begin
from shared.events import OrderCompleted
from tests.integration.order.after_sale_desk import NO_GOODS, WAYBILL, Desk, Document
from tests.integration.order.market import Market

HOURS, DAYS = 3_600, 86_400


@pytest.fixture
def desk(market: Market) -> Desk:
    return Desk(market)


async def test_each_state_goes_on_by_itself_at_its_time_and_not_before(desk: Desk, market: Market) -> None:
    """Nobody answers for 48 h; another shopper sends nothing for 7 days; nobody looks for 10 days; one gives in."""
    silent, first, (a,) = await desk.shipped(1)
    unanswered = await desk.asked(silent, first, "return_and_refund", {a: 1})
    lazy, second, (b,) = await desk.shipped(1)
    unsent = await desk.asked(lazy, second, "exchange", {b: 1})
    await desk.answer(unsent, "approve")
    sender, third, (c,) = await desk.shipped(2)
    unseen = await desk.asked(sender, third, "return_and_refund", {c: 2})
    await desk.answer(unseen, "approve")
    await desk.does(sender, unseen, "send-back", WAYBILL)
    loser, fourth, (d,) = await desk.shipped(1)
    rejected = await desk.asked(loser, fourth, "return_and_refund", {d: 1})
    await desk.answer(rejected, "reject", NO_GOODS)
    cases = {"unanswered": unanswered, "unsent": unsent, "unseen": unseen, "rejected": rejected}
    waits = {"unanswered": 48 * HOURS, "unsent": 7 * DAYS, "unseen": 10 * DAYS, "rejected": 7 * DAYS}
    assert {name: round(await desk.due_in(case) or 0) for name, case in cases.items()} == waits

    async def states() -> list[str]:
        shown = [
            await market.operate("order", "GET", f"/operator/after-sales/{case['after_sale_id']}")
            for case in cases.values()
        ]
        return [each["status"] for each in shown]

    await market.advance(seconds=48 * HOURS - 60)
    assert await states() == ["applied", "awaiting_return", "returned", "rejected"]
    await market.advance(seconds=60)
    assert await states() == ["awaiting_return", "awaiting_return", "returned", "rejected"]
    assert round(await desk.due_in(unanswered) or 0) == 7 * DAYS
    await market.advance(days=5)
    assert await states() == ["awaiting_return", "expired", "returned", "closed"]
    await market.advance(days=3)
    await market.refunds_arrive()
    assert await states() == ["expired", "expired", "completed", "closed"]
    assert [await desk.due_in(case) for case in cases.values()] == [None] * 4
    sku_id = unseen["lines"][0]["sku_id"]
    assert await market.stock(sku_id) == (8, 0, 2), "what nobody looked at does not go back on the shelf"
    for order in (first, second, third, fourth):
        await desk.books_agree(order)
    shown = await desk.see(silent, unanswered)
    assert [(step["status"], step["reason"], step["actor_kind"]) for step in shown["timeline"]] == [
        ("applied", "not_wanted", "member"),
        ("approved", "overdue", "system"),
        ("awaiting_return", None, "system"),
        ("expired", "overdue", "system"),
    ]


async def test_times_are_rules_down_to_a_second_for_steps_taken_from_then_on(
    desk: Desk, market: Market
) -> None:
    buyer, order, (line,) = await desk.shipped(2)
    before = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.rules(answer_seconds=1)
    try:
        quick = await desk.asked(buyer, order, "refund_only", {line: 1})
    finally:
        await desk.rules()
    await market.advance(seconds=1)
    await market.refunds_arrive()
    assert (await desk.see(buyer, quick))["status"] == "completed"
    assert (await desk.see(buyer, before))["status"] == "applied"


async def advance(market: Market, case: Document, *, late: timedelta) -> None:
    """What the timer does, at another instant than it is due."""
    async with begin(market.resources.engine) as work:
        await advance_overdue(work, UUID(case["after_sale_id"]), at=market.clock.now() + late)


async def test_a_timer_that_runs_early_late_or_many_times_has_one_effect(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "refund_only", {line: 1})
    await advance(market, case, late=timedelta(hours=47))
    assert (await desk.see(buyer, case))["status"] == "applied"
    await asyncio.gather(*(advance(market, case, late=timedelta(hours=48)) for _ in range(6)))
    assert await desk.steps(case) == ["applied", "approved", "refunding"]
    await market.advance(hours=48)
    await market.refunds_arrive()
    assert await desk.steps(case) == ["applied", "approved", "refunding", "completed"]
    await desk.books_agree(order)


async def test_an_order_is_not_completed_by_time_before_its_requests_are_decided(
    desk: Desk, market: Market
) -> None:
    buyer, order, (line,) = await desk.shipped(2)
    first = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    second = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.answer(first, "reject", NO_GOODS)
    await desk.answer(second, "reject", NO_GOODS)
    await desk.does(buyer, first, "escalate")
    await desk.does(buyer, second, "escalate")
    await market.advance(days=11)
    assert await market.status(order) == "shipped"
    decision = {"text": "不支持", "in_favour_of": "shop"}
    await desk.answer(first, "decide", decision)
    await market.settle()
    assert await market.status(order) == "shipped"
    await desk.answer(second, "decide", decision)
    await market.settle()
    assert await market.status(order) == "completed"
    (completed,) = await market.announced(order, OrderCompleted)
    assert completed["completed_by"] == "system"


async def test_a_decision_in_time_leaves_the_order_the_rest_of_its_days(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "exchange", {line: 1})
    await market.advance(days=1)
    await desk.does(buyer, case, "cancel")
    await market.advance(days=8)
    assert await market.status(order) == "shipped"
    await market.advance(days=1)
    assert await market.status(order) == "completed"
