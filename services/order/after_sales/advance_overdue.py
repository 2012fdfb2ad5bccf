"""When nobody answers, sends, receives or insists in time, the shop goes on by itself (domain.md)."""

from datetime import datetime
from uuid import UUID

from services.order.after_sales.answer_after_sale import go_ahead
from services.order.after_sales.domain import AfterSaleStatus, StepReason
from services.order.after_sales.return_goods import receive
from services.order.after_sales.steps import end, open_after_sale
from services.order.after_sales.storage import AfterSales
from services.order.orders.domain import SYSTEM
from shared.database import UnitOfWork

_ENDS = {
    AfterSaleStatus.AWAITING_RETURN: AfterSaleStatus.EXPIRED,
    AfterSaleStatus.REJECTED: AfterSaleStatus.CLOSED,
    AfterSaleStatus.REPLACEMENT_SHIPPED: AfterSaleStatus.COMPLETED,
}


async def advance_overdue(work: UnitOfWork, after_sale_id: UUID, *, at: datetime) -> datetime | None:
    """Go on with a request that has waited long enough; returns until when it waits, None when it does not.

    Goods that nobody looked at are paid for, and none of them goes back on the shelf. Raises NotRefundable.
    """
    after_sale = await open_after_sale(work, after_sale_id)
    if after_sale.due_at is None or at < after_sale.due_at:
        return after_sale.due_at
    overdue = StepReason.OVERDUE
    match after_sale.status:
        case AfterSaleStatus.APPLIED:
            after_sale = await go_ahead(work, after_sale, by=SYSTEM, at=at, reason=overdue)
        case AfterSaleStatus.RETURNED:
            lines = await AfterSales(work.connection).lines(after_sale_id)
            unseen = {line.order_line_id: 0 for line in lines}
            after_sale = await receive(work, after_sale, unseen, by=SYSTEM, at=at, reason=overdue)
        case status:
            after_sale = await end(work, after_sale, _ENDS[status], by=SYSTEM, at=at, reason=overdue)
    return after_sale.due_at
