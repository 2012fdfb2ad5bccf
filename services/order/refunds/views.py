"""Refunds as people read them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.order.refunds.domain import Refund, RefundStatus, RefundUnits
from services.order.refunds.storage import Refunds
from shared.connection import Connection
from shared.http.bodies import View


class RefundLineView(View):
    """So many units of an order line, and their money; `restock_quantity` of them go back on the shelf."""

    order_line_id: UUID
    quantity: int
    restock_quantity: int
    amount_fen: int
    points_returned: int


class RefundView(View):
    """A refund; `refund_fen` is the sum of its lines and `freight_fen`."""

    refund_id: UUID
    refund_number: str
    order_id: UUID
    status: RefundStatus
    lines: list[RefundLineView]
    freight_fen: int
    refund_fen: int
    points_returned: int
    reason: str
    requested_at: datetime
    refunded_at: datetime | None

    @classmethod
    def of(cls, refund: Refund, units: Sequence[RefundUnits]) -> "RefundView":
        return cls(**_told(refund, units))


class OperatorRefundView(RefundView):
    """A refund with who asked for it and why it failed."""

    requested_by: UUID | None
    failure_reason: str | None

    @classmethod
    def of(cls, refund: Refund, units: Sequence[RefundUnits]) -> "OperatorRefundView":
        return cls(
            **_told(refund, units), requested_by=refund.requested_by, failure_reason=refund.failure_reason
        )


async def refunds_of(connection: Connection, order_id: UUID) -> list[RefundView]:
    """An order's refunds as its member reads them, in two statements."""
    refunds = await Refunds(connection).of_order(order_id)
    units = await Refunds(connection).units([refund.id for refund in refunds])
    return [RefundView.of(refund, units[refund.id]) for refund in refunds]


async def operator_refunds(connection: Connection, refunds: Sequence[Refund]) -> list[OperatorRefundView]:
    """Refunds as operators read them, in one statement more."""
    units = await Refunds(connection).units([refund.id for refund in refunds])
    return [OperatorRefundView.of(refund, units[refund.id]) for refund in refunds]


def _told(refund: Refund, units: Sequence[RefundUnits]) -> dict[str, object]:
    return {
        "refund_id": refund.id,
        "refund_number": refund.refund_number,
        "order_id": refund.order_id,
        "status": refund.status,
        "lines": [
            RefundLineView(
                order_line_id=each.order_line_id,
                quantity=each.quantity,
                restock_quantity=each.restock_quantity,
                amount_fen=each.amount_fen,
                points_returned=each.points_returned,
            )
            for each in units
        ],
        "freight_fen": refund.freight_fen,
        "refund_fen": refund.refund_fen,
        "points_returned": refund.points_returned,
        "reason": refund.reason,
        "requested_at": refund.requested_at,
        "refunded_at": refund.refunded_at,
    }
