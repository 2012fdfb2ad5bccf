"""New goods for those that came back: held at the catalog by the request's id, sent, received (OR-10, K10)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.order.after_sales.audit import audit
from services.order.after_sales.domain import NEXT, AfterSale, AfterSaleStatus, Waybill
from services.order.after_sales.steps import end, move, open_after_sale
from services.order.after_sales.storage import AfterSales
from services.order.clients import catalog
from services.order.orders.domain import SYSTEM, actor_of
from services.order.resources import OURSELVES, OrderResources
from shared.database import UnitOfWork, begin, reading
from shared.events import ReplacedLine, ReplacementShipped
from shared.http.identity import Principal
from shared.http.problems import UpstreamProblem

RESERVE_REPLACEMENT = "reserve-replacement"
"""The timer that holds stock for an exchange."""
_WAITING = (AfterSaleStatus.RECEIVED, AfterSaleStatus.OUT_OF_STOCK)


async def reserve_replacement(resources: OrderResources, after_sale_id: UUID) -> None:
    """Hold stock for an exchange, or say that there is none; raises ServiceUnavailable, UpstreamProblem.

    What is held ends by our word only: ReplacementShipped sells it, and a request that becomes a refund lets it go.
    """
    async with reading(resources.engine) as connection:
        after_sale = await AfterSales(connection).find(after_sale_id)
        lines = await AfterSales(connection).lines(after_sale_id)
    if after_sale.status not in _WAITING:
        return
    status = AfterSaleStatus.REPLACING
    try:
        await catalog.reserve_stock(
            resources.services,
            after_sale_id,
            member_id=after_sale.member_id,
            quantities={line.sku_id: line.quantity for line in lines},
            on_behalf_of=OURSELVES,
        )
    except UpstreamProblem as refused:
        if refused.slug_of_cause != catalog.INSUFFICIENT_STOCK:
            raise
        status = AfterSaleStatus.OUT_OF_STOCK
    async with begin(resources.engine) as work:
        after_sale = await open_after_sale(work, after_sale_id)
        if status in NEXT[after_sale.status]:
            await move(work, after_sale, status, by=SYSTEM, at=resources.clock.now())


async def retry_replacement(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """Look for stock once more; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.OUT_OF_STOCK)
    await work.timers.set(RESERVE_REPLACEMENT, str(after_sale_id), due_at=at)
    await audit(work, "retry-replacement", after_sale, after_sale, by=caller, at=at)
    return after_sale


async def ship_replacement(
    work: UnitOfWork, after_sale_id: UUID, waybill: Waybill, *, caller: Principal, at: datetime
) -> AfterSale:
    """Send the new goods to the order's address; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.REPLACING)
    shipped = await move(
        work,
        replace(
            after_sale,
            replacement_carrier=waybill.carrier,
            replacement_tracking_number=waybill.tracking_number,
        ),
        AfterSaleStatus.REPLACEMENT_SHIPPED,
        by=actor_of(caller),
        at=at,
    )
    event = ReplacementShipped(
        after_sale_id=after_sale_id,
        order_id=shipped.order_id,
        member_id=shipped.member_id,
        lines=[
            ReplacedLine(
                order_line_id=line.order_line_id,
                sku_id=line.sku_id,
                quantity=line.quantity,
                restock_quantity=line.restock_quantity,
            )
            for line in await AfterSales(work.connection).lines(after_sale_id)
        ],
        shipped_at=at,
    )
    await work.outbox.add(event, at=at)
    await audit(work, "ship-replacement", after_sale, shipped, by=caller, at=at)
    return shipped


async def confirm_replacement(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """The new goods arrived, by the shopper's word; again is harmless. Raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id, member_id=caller.member_id)
    if after_sale.status is AfterSaleStatus.COMPLETED and after_sale.refund_id is None:
        return after_sale
    after_sale.require(AfterSaleStatus.REPLACEMENT_SHIPPED)
    return await end(work, after_sale, AfterSaleStatus.COMPLETED, by=actor_of(caller), at=at)
