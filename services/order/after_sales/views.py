"""Requests as people read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.order.after_sales.domain import AfterSale, AfterSaleKind, AfterSaleReason, AfterSaleStatus
from services.order.after_sales.negotiation import Message
from services.order.after_sales.queries import Whole, expected_refund, timeline, whole
from services.order.refunds.domain import RefundStatus
from shared.connection import Connection
from shared.http.bodies import View


class AfterSaleLineView(View):
    """Units of an order line; `restockable_quantity` of them can be sold again, null before somebody looked."""

    order_line_id: UUID
    sku_id: UUID
    product_name: str
    quantity: int
    restockable_quantity: int | None


class GivenBackView(View):
    """The money of a request; `needs_attention` when it could not be paid out."""

    refund_id: UUID
    refund_number: str
    status: RefundStatus
    freight_fen: int
    refund_fen: int
    points_returned: int
    refunded_at: datetime | None


class ExpectedRefundView(View):
    """What an undecided request would bring back now."""

    freight_fen: int
    refund_fen: int
    points_returned: int


class WaybillView(View):
    """Who carries a parcel, and under which number."""

    carrier: str
    tracking_number: str


class AfterSaleView(View):
    """A request; at `due_at` the shop goes on by itself."""

    after_sale_id: UUID
    after_sale_number: str
    order_id: UUID
    order_number: str
    kind: AfterSaleKind
    status: AfterSaleStatus
    version: int
    reason: AfterSaleReason
    lines: list[AfterSaleLineView]
    refund: GivenBackView | None
    return_waybill: WaybillView | None
    replacement_waybill: WaybillView | None
    due_at: datetime | None
    applied_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, found: Whole) -> "AfterSaleView":
        return cls(**_told(found))


class OperatorAfterSaleView(AfterSaleView):
    """A request in an operator's list."""

    member_id: UUID

    @classmethod
    def of(cls, found: Whole) -> "OperatorAfterSaleView":
        return cls(**_told(found), member_id=found.after_sale.member_id)


class AfterSaleStepView(View):
    """One step of a request's history; `reason` says why when that is known."""

    status: AfterSaleStatus
    at: datetime
    reason: str | None
    actor_kind: str


class OperatorAfterSaleStepView(AfterSaleStepView):
    """One step of a request's history, and who took it."""

    version: int
    actor_id: UUID | None


class AfterSaleDetailView(AfterSaleView):
    """A request in full; `expected_refund` is null once it is decided, and for an exchange."""

    expected_refund: ExpectedRefundView | None
    timeline: list[AfterSaleStepView]


class OperatorAfterSaleDetailView(OperatorAfterSaleView):
    """A request in full, as operators read it; `expected_refund` as its member does."""

    expected_refund: ExpectedRefundView | None
    timeline: list[OperatorAfterSaleStepView]


class MessageView(View):
    """Something that was said about a request, by `member` or `operator`."""

    message_id: UUID
    author_kind: str
    text: str
    pictures: list[str]
    sent_at: datetime

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        return cls(**_said(message))


class SentMessageView(View):
    """A message that was added; its words are not repeated, for answers are kept with their key (SEC11)."""

    message_id: UUID
    sent_at: datetime

    @classmethod
    def of(cls, message: Message) -> "SentMessageView":
        return cls(message_id=message.id, sent_at=message.sent_at)


class OperatorMessageView(MessageView):
    """Something that was said about a request, and who said it."""

    author_id: UUID | None

    @classmethod
    def of(cls, message: Message) -> "OperatorMessageView":
        return cls(**_said(message), author_id=message.author_id)


async def detail(connection: Connection, after_sale: AfterSale) -> AfterSaleDetailView:
    """A request for its member."""
    found = await whole(connection, after_sale)
    steps = await timeline(connection, after_sale.id)
    return AfterSaleDetailView(
        **_told(found),
        expected_refund=await _expected(connection, found),
        timeline=[AfterSaleStepView.model_validate(step) for step in steps],
    )


async def operator_detail(connection: Connection, after_sale: AfterSale) -> OperatorAfterSaleDetailView:
    """A request for operators."""
    found = await whole(connection, after_sale)
    steps = await timeline(connection, after_sale.id)
    return OperatorAfterSaleDetailView(
        **_told(found),
        member_id=after_sale.member_id,
        expected_refund=await _expected(connection, found),
        timeline=[OperatorAfterSaleStepView.model_validate(step) for step in steps],
    )


async def _expected(connection: Connection, found: Whole) -> ExpectedRefundView | None:
    expected = await expected_refund(connection, found)
    return None if expected is None else ExpectedRefundView.model_validate(expected)


def _told(found: Whole) -> dict[str, Any]:
    after_sale = found.after_sale
    names = AfterSaleView.model_fields.keys() & set(AfterSale.__dataclass_fields__)
    return {
        **{name: getattr(after_sale, name) for name in names},
        "after_sale_id": after_sale.id,
        "lines": [AfterSaleLineView.model_validate(line) for line in found.lines],
        "refund": None if found.refund is None else GivenBackView.model_validate(found.refund),
        "return_waybill": _waybill(after_sale.return_carrier, after_sale.return_tracking_number),
        "replacement_waybill": _waybill(
            after_sale.replacement_carrier, after_sale.replacement_tracking_number
        ),
    }


def _waybill(carrier: str | None, tracking_number: str | None) -> WaybillView | None:
    if carrier is None or tracking_number is None:
        return None
    return WaybillView(carrier=carrier, tracking_number=tracking_number)


def _said(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.id,
        "author_kind": message.author_kind,
        "text": message.text,
        "pictures": list(message.pictures),
        "sent_at": message.sent_at,
    }
