"""What may follow what in an order's life (M10, K15)."""

from datetime import timedelta
from itertools import product

import pytest

from services.order.orders.domain import (
    EVER_PAID,
    NEXT,
    UNPAID,
    IllegalTransition,
    OrderStatus,
    WrongStatus,
)
from tests.unit.order.orders import AT, an_order

LEGAL = {
    ("creating", "pending_pay"),
    ("creating", "closed"),
    ("pending_pay", "paid"),
    ("pending_pay", "closing"),
    ("closing", "paid"),
    ("closing", "closed"),
    ("paid", "partly_shipped"),
    ("paid", "shipped"),
    ("partly_shipped", "shipped"),
    ("shipped", "completed"),
}


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, OrderStatus)))
def test_an_order_takes_exactly_the_legal_steps(before: OrderStatus, after: OrderStatus) -> None:
    order = an_order(status=before, version=4)
    if (before, after) in LEGAL:
        moved = order.to(after, at=AT)
        assert (moved.status, moved.version) == (after, 5)
    else:
        with pytest.raises(IllegalTransition):
            order.to(after, at=AT)


def test_every_state_can_be_reached_and_a_closed_order_is_never_resurrected() -> None:
    reached, edge = set(), {OrderStatus.CREATING}
    while edge:
        reached |= edge
        edge = {after for before in edge for after in NEXT[before]} - reached
    assert reached == set(OrderStatus)
    assert NEXT[OrderStatus.CLOSED] == frozenset()
    assert {*OrderStatus} - UNPAID - EVER_PAID == {OrderStatus.CLOSED}


@pytest.mark.parametrize(
    ("before", "after", "stamp"),
    [
        ("closing", "paid", "paid_at"),
        ("paid", "shipped", "shipped_at"),
        ("shipped", "completed", "completed_at"),
        ("closing", "closed", "closed_at"),
    ],
)
def test_a_step_is_stamped_with_its_instant(before: str, after: str, stamp: str) -> None:
    at = AT + timedelta(minutes=3)
    moved = an_order(status=OrderStatus(before)).to(OrderStatus(after), at=at)
    stamps = {"paid_at", "shipped_at", "completed_at", "closed_at"}
    assert {name: getattr(moved, name) for name in stamps} == dict.fromkeys(stamps) | {stamp: at}


def test_an_order_in_another_state_is_refused_with_its_state() -> None:
    with pytest.raises(WrongStatus) as refused:
        an_order(status=OrderStatus.PAID).require(OrderStatus.PENDING_PAY)
    assert refused.value.document() == {
        "type": "/problems/order/wrong-status",
        "title": "The order does not allow this now",
        "status": 409,
        "detail": "The order is paid.",
        "order_status": "paid",
    }
