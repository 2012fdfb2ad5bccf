"""The money of a request goes back, by the same engine and the same refunds as everywhere (PY-08)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.order.after_sales.audit import audit
from services.order.after_sales.domain import AfterSale, AfterSaleKind, AfterSaleStatus
from services.order.after_sales.steps import move, open_after_sale, release
from services.order.after_sales.storage import AfterSales
from services.order.orders.domain import SYSTEM, Actor, actor_of
from services.order.refunds.domain import RefundStatus, RefundWish
from services.order.refunds.request_refund import request_refund
from services.order.resources import OURSELVES
from shared.database import UnitOfWork
from shared.http.identity import Principal


async def refund(work: UnitOfWork, after_sale: AfterSale, *, by: Actor, at: datetime) -> AfterSale:
    """Have the opened request's units refunded: they are claimed no more, and counted as refunded, in one transaction.

    Raises NotRefundable.
    """
    lines = await AfterSales(work.connection).lines(after_sale.id)
    await release(work, after_sale, lines, at=at)
    wish = RefundWish(
        units={line.order_line_id: line.quantity for line in lines},
        reason=f"售后 {after_sale.after_sale_number}",
        cancelled={line.order_line_id: line.held_back_quantity for line in lines},
        off_shelf={line.order_line_id: line.quantity - line.restock_quantity for line in lines},
    )
    requested, _ = await request_refund(work, after_sale.order_id, wish, by=OURSELVES, at=at)
    refunding = await move(
        work, replace(after_sale, refund_id=requested.id), AfterSaleStatus.REFUNDING, by=by, at=at
    )
    if requested.status is RefundStatus.SUCCEEDED:
        return await move(work, refunding, AfterSaleStatus.COMPLETED, by=SYSTEM, at=at)
    return refunding


async def refund_instead(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """Give money back for an exchange whose goods came back and cannot be replaced; what is held for it is let go.

    Raises NotFound, WrongAfterSaleStatus, NotRefundable.
    """
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.RECEIVED, AfterSaleStatus.OUT_OF_STOCK, AfterSaleStatus.REPLACING)
    assert after_sale.kind is AfterSaleKind.EXCHANGE, "what else is received is refunded at once"
    refunding = await refund(work, after_sale, by=actor_of(caller), at=at)
    await audit(work, "refund-instead", after_sale, refunding, by=caller, at=at)
    return refunding


async def complete_refunded(work: UnitOfWork, refund_id: UUID, *, at: datetime) -> None:
    """Complete the request whose refund reached the shopper, if it is for one; once."""
    after_sale_id = await AfterSales(work.connection).of_refund(refund_id)
    if after_sale_id is None:
        return
    after_sale = await open_after_sale(work, after_sale_id)
    if after_sale.status is AfterSaleStatus.REFUNDING:
        await move(work, after_sale, AfterSaleStatus.COMPLETED, by=SYSTEM, at=at)
