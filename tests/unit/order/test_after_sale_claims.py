"""Which units a request may be about (OR-10, PD-12)."""

from datetime import timedelta
from typing import Any

import pytest

from services.order.after_sales.claims import (
    NoReturns,
    NotSoManyLeft,
    TooManyRequests,
    WindowOver,
    claim,
    with_buyer,
)
from services.order.after_sales.domain import AfterSaleKind, AfterSaleLine
from services.order.orders.domain import BoughtLine
from services.order.refunds.domain import RefundWish
from shared.http.problems import Invalid
from shared.ids import new_id
from tests.unit.order.orders import AT, a_bought_line, an_order

REFUND_ONLY, RETURN, EXCHANGE = AfterSaleKind


def claimed(line: BoughtLine, kind: AfterSaleKind, quantity: int, **more: Any) -> AfterSaleLine:
    order = an_order(completed_at=more.pop("completed_at", None))
    at = more.pop("at", AT)
    (found,) = claim(order, [line], kind, {line.id: quantity}, at=at, default_days=7, **more)
    return found


def test_a_refund_alone_takes_units_that_have_not_left_before_those_that_have() -> None:
    line = a_bought_line(quantity=5, shipped_quantity=2)
    found = claimed(line, REFUND_ONLY, 4)
    assert (found.quantity, found.held_back_quantity, found.restock_quantity) == (4, 3, 3)


@pytest.mark.parametrize("kind", [RETURN, EXCHANGE])
def test_only_what_has_left_can_come_back(kind: AfterSaleKind) -> None:
    line = a_bought_line(quantity=5, shipped_quantity=2)
    assert claimed(line, kind, 2).held_back_quantity == 0
    with pytest.raises(NotSoManyLeft) as refused:
        claimed(line, kind, 3)
    assert refused.value.document()["claimable_quantity"] == 2


def test_what_was_refunded_or_is_asked_for_already_cannot_be_asked_for_again() -> None:
    line = a_bought_line(
        quantity=9,
        shipped_quantity=5,
        cancelled_quantity=1,
        refunded_quantity=2,
        claimed_quantity=3,
        held_back_quantity=2,
    )
    assert with_buyer(line) == 5 - 1 - 1
    assert (line.unshipped_quantity, line.shippable_quantity, line.refundable_quantity) == (3, 1, 4)
    assert claimed(line, REFUND_ONLY, 4).held_back_quantity == 1
    for kind, left in ((REFUND_ONLY, 4), (RETURN, 3), (EXCHANGE, 3)):
        with pytest.raises(NotSoManyLeft):
            claimed(line, kind, left + 1)


def test_a_line_is_named_by_five_requests_at_most() -> None:
    with pytest.raises(TooManyRequests):
        claimed(a_bought_line(after_sale_requests=5), REFUND_ONLY, 1)
    assert claimed(a_bought_line(after_sale_requests=4), REFUND_ONLY, 1).quantity == 1


def test_a_line_of_another_order_is_no_line() -> None:
    with pytest.raises(Invalid):
        claim(an_order(), [a_bought_line()], REFUND_ONLY, {new_id(): 1}, at=AT, default_days=7)


def policy(days: int) -> dict[str, Any]:
    return {"key": "p", "title": "不支持退换", "text": "生鲜", "days": days}


@pytest.mark.parametrize("kind", list(AfterSaleKind))
def test_a_policy_without_days_takes_nothing_back_that_has_left(kind: AfterSaleKind) -> None:
    line = a_bought_line(quantity=2, shipped_quantity=2, after_sale_policy=policy(0))
    with pytest.raises(NoReturns) as refused:
        claimed(line, kind, 1)
    assert refused.value.document()["policy_title"] == "不支持退换"
    unsent = a_bought_line(quantity=2, after_sale_policy=policy(0))
    assert claimed(unsent, REFUND_ONLY, 2).held_back_quantity == 2


@pytest.mark.parametrize(("days", "agreed"), [(7, None), (15, policy(15))])
def test_the_days_run_from_receipt_and_are_the_agreed_ones(days: int, agreed: dict[str, Any] | None) -> None:
    line = a_bought_line(quantity=2, shipped_quantity=2, after_sale_policy=agreed)
    last = AT + timedelta(days=days)
    assert claimed(line, RETURN, 1, completed_at=AT, at=last).quantity == 1
    assert claimed(line, RETURN, 1, completed_at=None, at=last + timedelta(days=99)).quantity == 1
    with pytest.raises(WindowOver) as refused:
        claimed(line, RETURN, 1, completed_at=AT, at=last + timedelta(seconds=1))
    assert refused.value.document()["window_ended_at"] == last.isoformat()


def test_what_never_left_is_on_the_shelf_and_what_is_refunded_beyond_it_has_left() -> None:
    line = a_bought_line(quantity=5, shipped_quantity=2, claimed_quantity=1, held_back_quantity=1)
    wish = RefundWish({line.id: 4}, "x", off_shelf={line.id: 2})
    assert wish.of_line(line) == (2, 2)
    with pytest.raises(Invalid):
        RefundWish({line.id: 4}, "x", off_shelf={line.id: 3}).of_line(line)
    assert RefundWish({line.id: 2}, "x", cancelled={line.id: 0}).of_line(line) == (0, 0)
