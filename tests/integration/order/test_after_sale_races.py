"""Whoever is first wins, and no unit goes back twice (K12, P2, P8)."""

import asyncio
from uuid import UUID

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from services.order.after_sales.answer_after_sale import approve_after_sale
from shared.database import begin
from shared.events import AfterSaleChanged, RefundRequested
from shared.ids import new_id
from tests.integration.order.after_sale_desk import WAYBILL, Desk, Document
from tests.integration.order.market import Buyer, Crash, Market


@pytest.fixture
def desk(market: Market) -> Desk:
    return Desk(market)


async def test_of_64_requests_for_the_last_unit_one_gets_it(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(2)
    await desk.asked(buyer, order, "return_and_refund", {line: 1})

    async def ask() -> httpx.Response:
        while True:
            answer = await desk.ask(buyer, order, "refund_only", {line: 1})
            if answer.status_code != 503:  # so many at once wait for connections
                return answer

    answers = await asyncio.gather(*(ask() for _ in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 63
    assert {answer.json()["claimable_quantity"] for answer in answers if answer.status_code == 409} == {0}
    assert (await desk.line(order, line))["claimed_quantity"] == 2
    assert len(await market.announced(order, AfterSaleChanged)) == 2
    await desk.books_agree(order)


async def test_one_key_makes_one_request(desk: Desk) -> None:
    buyer, order, (line,) = await desk.bought(5)
    key = str(new_id())
    answers = [await desk.ask(buyer, order, "refund_only", {line: 1}, key=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.text for answer in answers}) == 1
    other = await desk.ask(buyer, order, "refund_only", {line: 2}, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await desk.line(order, line))["refunded_quantity"] == 1


async def test_of_many_operators_who_approve_at_once_one_does(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "refund_only", {line: 1})
    answers = await asyncio.gather(*(desk.try_answer(case, "approve") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await desk.steps(case) == ["applied", "approved", "refunding"]
    assert len(await market.announced(order, RefundRequested)) == 1
    await market.refunds_arrive()
    await desk.books_agree(order)


async def test_a_shopper_who_cancels_while_an_operator_approves_does_it_before_or_not_at_all(
    desk: Desk, market: Market
) -> None:
    orders: list[Document] = []

    async def race(number: int) -> str:
        buyer, order, (line,) = await desk.shipped(1)
        orders.append(order)
        case = await desk.asked(buyer, order, "refund_only", {line: 1})
        both = [desk.try_do(buyer, case, "cancel"), desk.try_answer(case, "approve")]
        answers = await asyncio.gather(*both[:: 1 if number % 2 else -1])
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        steps = await desk.steps(case)
        assert steps in (["applied", "cancelled"], ["applied", "approved", "refunding"])
        refunds = await market.announced(order, RefundRequested)
        assert len(refunds) == (1 if "refunding" in steps else 0)
        return steps[-1]

    for number in range(4):
        await race(number)
    await market.refunds_arrive()
    for order in orders:
        await desk.books_agree(order)


async def returned(desk: Desk) -> tuple[Buyer, Document, str, Document]:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "return_and_refund", {line: 1})
    await desk.answer(case, "approve")
    return buyer, order, line, await desk.does(buyer, case, "send-back", WAYBILL)


async def test_an_approval_and_its_refund_are_one_transaction(desk: Desk, market: Market) -> None:
    buyer, order, (line,) = await desk.shipped(1)
    case = await desk.asked(buyer, order, "refund_only", {line: 1})
    operator = market.shop.as_operator("service_desk").principal

    async def approve_and_die() -> None:
        async with begin(market.resources.engine) as work:
            approved = await approve_after_sale(
                work, UUID(case["after_sale_id"]), caller=operator, at=market.clock.now()
            )
            assert approved.status == "refunding"
            raise Crash

    with pytest.raises(Crash):
        await approve_and_die()
    assert await desk.steps(case) == ["applied"]
    assert await market.announced(order, RefundRequested) == []
    assert (await market.detail(order))["refunds"] == []
    assert (await desk.line(order, line))["claimed_quantity"] == 1
    key = str(new_id())
    owner = market.shop.as_operator("owner")
    for _ in range(2):
        answer = await owner.post(
            "order",
            f"/operator/after-sales/{case['after_sale_id']}/approve",
            headers={"idempotency-key": key},
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "refunding")
    (refund,) = (await market.detail(order))["refunds"]
    assert refund["refund_id"] == answer.json()["refund"]["refund_id"]
    await market.refunds_arrive()
    assert (await desk.see(buyer, case))["status"] == "completed"
    await desk.books_agree(order)


async def test_the_database_itself_refuses_what_the_rules_forbid(desk: Desk, market: Market) -> None:
    _, order, _, _ = await returned(desk)
    for statement in (
        "UPDATE order_lines SET claimed_quantity = 2 WHERE order_id = :id",
        "UPDATE order_lines SET claimed_quantity = -1 WHERE order_id = :id",
        "UPDATE order_lines SET held_back_quantity = 1 WHERE order_id = :id",
        "UPDATE order_lines SET refunded_quantity = 1 WHERE order_id = :id",
        "UPDATE order_lines SET after_sale_requests = 6 WHERE order_id = :id",
        "UPDATE after_sales SET status = 'refunding' WHERE order_id = :id",
        "UPDATE after_sales SET status = 'closed' WHERE order_id = :id",
    ):
        with pytest.raises(IntegrityError):
            await market.execute(statement, id=UUID(order["order_id"]))
