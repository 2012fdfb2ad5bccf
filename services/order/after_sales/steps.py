"""Taking a step: the row, its history, its deadline and the announcement, in one transaction (M10, OR-04)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.order.after_sales.domain import AfterSale, AfterSaleLine, AfterSaleStatus
from services.order.after_sales.rules import after_sale_rules
from services.order.after_sales.storage import AfterSales
from services.order.orders.domain import Actor
from services.order.orders.line_counts import count_unclaimed
from services.order.orders.storage import Orders
from services.order.shipments.receive_order import resume_receipt
from shared.database import UnitOfWork
from shared.events import AfterSaleChanged

ADVANCE_OVERDUE = "advance-after-sale"
"""The timer that goes on with a request at its `due_at`."""


async def open_after_sale(
    work: UnitOfWork, after_sale_id: UUID, *, member_id: UUID | None = None
) -> AfterSale:
    """The request, and its order, kept from others until the transaction ends; raises NotFound (SEC9)."""
    found = await AfterSales(work.connection).find(after_sale_id, member_id=member_id)
    await Orders(work.connection).lock(found.order_id)
    return await AfterSales(work.connection).lock(after_sale_id)


async def begin_after_sale(
    work: UnitOfWork, after_sale: AfterSale, lines: Sequence[AfterSaleLine], *, by: Actor
) -> None:
    """Take the first step: the request is made."""
    await AfterSales(work.connection).add(after_sale, lines, by=by)
    await _announce(work, after_sale, None, at=after_sale.applied_at, reason=after_sale.reason)


async def move(
    work: UnitOfWork,
    after_sale: AfterSale,
    status: AfterSaleStatus,
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> AfterSale:
    """The opened request one step further; raises WrongAfterSaleStatus."""
    rules = await after_sale_rules(work.connection)
    moved = after_sale.to(status, at=at, due_at=rules.due_at(status, at))
    before = after_sale.status
    await AfterSales(work.connection).save(moved, from_status=before, by=by, at=at, reason=reason)
    await _announce(work, moved, before, at=at, reason=reason)
    return moved


async def end(
    work: UnitOfWork,
    after_sale: AfterSale,
    status: AfterSaleStatus,
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> AfterSale:
    """The last step of a request that gives no money back: its units are let go."""
    moved = await move(work, after_sale, status, by=by, at=at, reason=reason)
    await release(work, moved, await AfterSales(work.connection).lines(moved.id), at=at)
    return moved


async def release(
    work: UnitOfWork, after_sale: AfterSale, lines: Sequence[AfterSaleLine], *, at: datetime
) -> None:
    """Let the request's units go; what waited for its decision goes on."""
    await count_unclaimed(work.connection, [line.claim for line in lines])
    await resume_receipt(work, await Orders(work.connection).find(after_sale.order_id), at=at)


async def _announce(
    work: UnitOfWork,
    after_sale: AfterSale,
    from_status: AfterSaleStatus | None,
    *,
    at: datetime,
    reason: str | None,
) -> None:
    if after_sale.due_at is None:
        await work.timers.cancel(ADVANCE_OVERDUE, str(after_sale.id))
    else:
        await work.timers.set(ADVANCE_OVERDUE, str(after_sale.id), due_at=after_sale.due_at)
    event = AfterSaleChanged(
        after_sale_id=after_sale.id,
        after_sale_number=after_sale.after_sale_number,
        order_id=after_sale.order_id,
        order_number=after_sale.order_number,
        member_id=after_sale.member_id,
        kind=after_sale.kind,
        from_status=from_status,
        status=after_sale.status,
        reason=reason,
        refund_id=after_sale.refund_id,
        changed_at=at,
    )
    await work.outbox.add(event, at=at)
