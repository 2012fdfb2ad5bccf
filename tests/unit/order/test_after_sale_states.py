"""What may follow what in an after-sale request's life (OR-10, M10)."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from services.order.after_sales.domain import (
    DECIDED,
    ENDED,
    NEXT,
    AfterSale,
    AfterSaleKind,
    AfterSaleReason,
    AfterSaleStatus,
    WrongAfterSaleStatus,
)
from services.order.after_sales.rules import AfterSaleRules
from shared.ids import new_id

AT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)
DAY = 86_400

LEGAL = {
    ("applied", "approved"),
    ("applied", "rejected"),
    ("applied", "cancelled"),
    ("approved", "awaiting_return"),
    ("approved", "returned"),
    ("approved", "refunding"),
    ("awaiting_return", "returned"),
    ("awaiting_return", "cancelled"),
    ("awaiting_return", "expired"),
    ("returned", "received"),
    ("returned", "rejected"),
    ("received", "refunding"),
    ("received", "replacing"),
    ("received", "out_of_stock"),
    ("out_of_stock", "replacing"),
    ("out_of_stock", "refunding"),
    ("replacing", "replacement_shipped"),
    ("replacing", "refunding"),
    ("replacement_shipped", "completed"),
    ("refunding", "completed"),
    ("rejected", "applied"),
    ("rejected", "arbitrating"),
    ("rejected", "cancelled"),
    ("rejected", "closed"),
    ("arbitrating", "approved"),
    ("arbitrating", "cancelled"),
    ("arbitrating", "closed"),
}


def an_after_sale(**values: Any) -> AfterSale:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "order_id": new_id(),
        "order_number": "26030810300012345678",
        "member_id": new_id(),
        "number": 1,
        "after_sale_number": "26030810300012345678S01",
        "kind": AfterSaleKind.RETURN_AND_REFUND,
        "status": AfterSaleStatus.APPLIED,
        "version": 1,
        "reason": AfterSaleReason.DEFECTIVE,
        "refund_id": None,
        "return_carrier": None,
        "return_tracking_number": None,
        "replacement_carrier": None,
        "replacement_tracking_number": None,
        "due_at": None,
        "applied_at": AT,
        "ended_at": None,
    }
    return AfterSale(**(defaults | values))


@pytest.mark.parametrize(("before", "after"), list(product(AfterSaleStatus, AfterSaleStatus)))
def test_a_request_takes_exactly_the_legal_steps(before: AfterSaleStatus, after: AfterSaleStatus) -> None:
    request = an_after_sale(status=before, version=4)
    if (before, after) in LEGAL:
        moved = request.to(after, at=AT, due_at=None)
        assert (moved.status, moved.version) == (after, 5)
        assert moved.ended_at == (AT if after in ENDED else None)
    else:
        with pytest.raises(WrongAfterSaleStatus) as refused:
            request.to(after, at=AT, due_at=None)
        assert refused.value.document()["after_sale_status"] == before


def test_every_state_can_be_reached_and_what_has_ended_stays_ended() -> None:
    reached, ahead = set(), [AfterSaleStatus.APPLIED]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead.extend(NEXT[status])
    assert reached == set(AfterSaleStatus)
    assert {"completed", "closed", "cancelled", "expired"} == ENDED
    assert ENDED | {"refunding"} == DECIDED


def test_once_money_or_goods_are_on_their_way_nobody_cancels() -> None:
    cancellable = {status for status in AfterSaleStatus if AfterSaleStatus.CANCELLED in NEXT[status]}
    assert cancellable == {"applied", "awaiting_return", "rejected", "arbitrating"}


@pytest.mark.parametrize(
    ("kind", "sent", "following"),
    [
        (AfterSaleKind.REFUND_ONLY, None, "refunding"),
        (AfterSaleKind.RETURN_AND_REFUND, None, "awaiting_return"),
        (AfterSaleKind.EXCHANGE, None, "awaiting_return"),
        (AfterSaleKind.RETURN_AND_REFUND, "SF1", "returned"),
        (AfterSaleKind.EXCHANGE, "SF1", "returned"),
    ],
)
def test_an_approved_request_goes_on_as_its_kind_needs(
    kind: AfterSaleKind, sent: str | None, following: str
) -> None:
    assert an_after_sale(kind=kind, return_tracking_number=sent).after_approval() == following


def test_each_state_waits_as_long_as_its_rule_says_and_the_others_wait_for_somebody() -> None:
    rules = AfterSaleRules(
        approve_unshipped_at_once=True,
        default_days=7,
        answer_seconds=2 * DAY,
        return_seconds=7 * DAY,
        receive_seconds=10 * DAY,
        rejected_seconds=6 * DAY,
        replacement_seconds=9 * DAY,
    )
    waits = {
        status: (due_at - AT) / timedelta(days=1)
        for status in AfterSaleStatus
        if (due_at := rules.due_at(status, AT)) is not None
    }
    assert waits == {
        "applied": 2,
        "awaiting_return": 7,
        "returned": 10,
        "rejected": 6,
        "replacement_shipped": 9,
    }
