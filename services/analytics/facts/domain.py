"""What an announced event tells the facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from services.analytics.facts.tables import (
    BEHAVIOUR_EVENTS,
    MEMBERS,
    ORDER_LINES,
    ORDERS,
    REFUNDS,
    FactTable,
)
from shared.events import (
    CouponRedeemed,
    Event,
    MemberRegistered,
    OrderClosed,
    OrderCompleted,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    PointsEarned,
    PointsReversed,
    PointsSpent,
)

NAMES: dict[type[Event], str] = {
    OrderPlaced: "order_created",
    OrderClosed: "order_cancelled",
    CouponRedeemed: "coupon_used",
    PointsEarned: "points_changed",
    PointsSpent: "points_changed",
    PointsReversed: "points_changed",
}
"""The event catalogue's names (analytics.md 3) where they are not the words of the type."""

_INSTANTS: dict[type[Event], str] = {
    OrderPlaced: "placed_at",
    OrderPaid: "paid_at",
    OrderClosed: "closed_at",
    OrderCompleted: "completed_at",
    OrderRefunded: "refunded_at",
    MemberRegistered: "registered_at",
}
_STATES: dict[type[Event], str] = {
    OrderPlaced: "placed",
    OrderPaid: "paid",
    OrderClosed: "closed",
    OrderCompleted: "completed",
}
_AMOUNTS = ("goods_fen", "discount_fen", "freight_fen", "payable_fen")


@dataclass(frozen=True, slots=True)
class Fact:
    """One row for one table; ``event_id`` is its own alone, ``happened_at`` the table's instant in whole milliseconds."""

    table: FactTable
    event_id: UUID
    happened_at: datetime
    values: dict[str, Any]

    def json(self) -> str:
        """The row as its table reads it."""
        own = {"event_id": self.event_id, self.table.instant: self.happened_at}
        return orjson.dumps(self.values | own).decode()


def in_milliseconds(at: datetime) -> datetime:
    """An instant without what is smaller than a millisecond."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def name_of(type_: type[Event]) -> str:
    """The catalogue's name of a domain event: ``order.paid.v1`` is ``order_paid``."""
    return NAMES.get(type_) or type_.type.rpartition(".")[0].replace(".", "_")


def facts_of(event_id: UUID, event: Event, *, occurred_at: datetime, received_at: datetime) -> Iterator[Fact]:
    """The rows that an announced event adds: one behaviour event always, rows of orders, refunds and members beside it.

    Every row's id follows from the announced event's id, so that the same event always makes the same rows.
    """
    type_ = type(event)
    instant = _INSTANTS.get(type_)
    at = in_milliseconds(getattr(event, instant) if instant else occurred_at)
    yield Fact(
        BEHAVIOUR_EVENTS,
        uuid5(event_id, "behaviour_events"),
        at,
        {
            "event": name_of(type_),
            "source": "server",
            "schema_version": int(type_.type.rpartition(".v")[2]),
            "occurred_at": occurred_at,
            "received_at": received_at,
            "member_id": getattr(event, "member_id", None),
            "props": event.model_dump_json(exclude={"member_id"}),
        },
    )
    if state := _STATES.get(type_):
        yield Fact(ORDERS, uuid5(event_id, "orders"), at, _order(event, state))
    match event:
        case OrderPaid():
            yield from _lines(event_id, event, at)
        case OrderRefunded():
            yield Fact(REFUNDS, uuid5(event_id, "refunds"), at, _refund(event))
        case MemberRegistered():
            values = {"member_id": event.member_id, "scene": event.scene or ""}
            yield Fact(MEMBERS, uuid5(event_id, "members"), at, values)


def _order(event: Any, state: str) -> dict[str, Any]:
    """An order's row; a closed or completed one moves no money."""
    return {
        "order_id": event.order_id,
        "order_number": event.order_number,
        "member_id": event.member_id,
        "state": state,
        **{name: getattr(event, name, 0) for name in _AMOUNTS},
        "coupon_id": getattr(event, "coupon_id", None),
        "points_used": getattr(event, "points_used", 0),
    }


def _lines(event_id: UUID, paid: OrderPaid, at: datetime) -> Iterator[Fact]:
    for line in paid.lines:
        yield Fact(
            ORDER_LINES,
            uuid5(event_id, f"order_lines/{line.order_line_id}"),
            at,
            {"order_id": paid.order_id, "member_id": paid.member_id, **line.model_dump()},
        )


def _refund(refunded: OrderRefunded) -> dict[str, Any]:
    return {
        "refund_id": refunded.refund_id,
        "order_id": refunded.order_id,
        "member_id": refunded.member_id,
        "refund_fen": refunded.refund_fen,
        "freight_fen": refunded.freight_fen,
        "is_full": refunded.is_full,
        "paid_at": refunded.paid_at,
    }
