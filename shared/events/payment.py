"""What the payment service announces."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.base import Event


class PaymentSucceeded(Event):
    """The whole amount of an order was collected, once."""

    type: ClassVar[str] = "payment.succeeded.v1"
    subject: ClassVar[str] = "payment_id"
    announced_by: ClassVar[str] = "payment"
    is_awaited: ClassVar[bool] = True

    payment_id: UUID
    order_id: UUID
    amount_fen: int
    method: str
    paid_at: datetime


class RefundSucceeded(Event):
    """The provider paid a refund out."""

    type: ClassVar[str] = "refund.succeeded.v1"
    subject: ClassVar[str] = "refund_id"
    announced_by: ClassVar[str] = "payment"

    refund_id: UUID
    order_id: UUID
    payment_id: UUID
    refund_fen: int
    refunded_at: datetime


class RefundFailed(Event):
    """The provider could not pay a refund out; an operator must decide."""

    type: ClassVar[str] = "refund.failed.v1"
    subject: ClassVar[str] = "refund_id"
    announced_by: ClassVar[str] = "payment"

    refund_id: UUID
    order_id: UUID
    payment_id: UUID
    reason: str
    failed_at: datetime


class SurplusRefunded(Event):
    """Money that no order wanted (late, or paid twice) went back in full (P5)."""

    type: ClassVar[str] = "surplus.refunded.v1"
    subject: ClassVar[str] = "payment_id"
    announced_by: ClassVar[str] = "payment"

    payment_id: UUID
    order_id: UUID
    amount_fen: int
    reason: str
    refunded_at: datetime


class SharedPart(BaseModel):
    """What one receiver got."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    receiver_id: UUID
    amount_fen: int


class ProfitShared(Event):
    """Receivers got their parts of what an order brought (PY-03); those who got nothing are not among the parts."""

    type: ClassVar[str] = "profit.shared.v1"
    subject: ClassVar[str] = "payment_id"
    announced_by: ClassVar[str] = "payment"

    payment_id: UUID
    order_id: UUID
    out_order_no: str
    shared_fen: int
    parts: list[SharedPart]
    shared_at: datetime


class ProfitShareReturned(Event):
    """A receiver gave back a part of its share, because the order is refunded (PY-03)."""

    type: ClassVar[str] = "profit_share.returned.v1"
    subject: ClassVar[str] = "payment_id"
    announced_by: ClassVar[str] = "payment"

    payment_id: UUID
    order_id: UUID
    refund_id: UUID
    receiver_id: UUID
    out_return_no: str
    returned_fen: int
    returned_at: datetime
