"""Goods come back: the shopper sends them, the shop looks at them (OR-10)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.order.after_sales.audit import audit
from services.order.after_sales.domain import (
    AfterSale,
    AfterSaleKind,
    AfterSaleLine,
    AfterSaleStatus,
    Waybill,
)
from services.order.after_sales.refund_units import refund
from services.order.after_sales.replace_units import RESERVE_REPLACEMENT
from services.order.after_sales.steps import move, open_after_sale
from services.order.after_sales.storage import AfterSales
from services.order.orders.domain import Actor, actor_of
from shared.database import UnitOfWork
from shared.http.identity import Principal
from shared.http.problems import Invalid


@dataclass(frozen=True, slots=True)
class Inspected:
    """Units that can be sold again, and units that cannot or did not come."""

    restockable_quantity: int
    damaged_quantity: int


async def send_back(
    work: UnitOfWork, after_sale_id: UUID, waybill: Waybill, *, caller: Principal, at: datetime
) -> AfterSale:
    """Note under which number the shopper sent the goods; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id, member_id=caller.member_id)
    after_sale.require(AfterSaleStatus.AWAITING_RETURN)
    sent = replace(after_sale, return_carrier=waybill.carrier, return_tracking_number=waybill.tracking_number)
    return await move(work, sent, AfterSaleStatus.RETURNED, by=actor_of(caller), at=at)


async def receive_return(
    work: UnitOfWork,
    after_sale_id: UUID,
    inspected: Mapping[UUID, Inspected],
    *,
    caller: Principal,
    at: datetime,
) -> AfterSale:
    """Note what came back, by line, and go on to the refund or the replacement.

    Raises NotFound, WrongAfterSaleStatus, Invalid, NotRefundable.
    """
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.RETURNED)
    _require_all(await AfterSales(work.connection).lines(after_sale_id), inspected)
    restockable = {line: each.restockable_quantity for line, each in inspected.items()}
    received = await receive(work, after_sale, restockable, by=actor_of(caller), at=at)
    await audit(work, "receive", after_sale, received, by=caller, at=at)
    return received


async def receive(
    work: UnitOfWork,
    after_sale: AfterSale,
    restockable: Mapping[UUID, int],
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> AfterSale:
    """Take the opened request's goods as received, so many of each line fit to be sold, and do what follows from that."""
    await AfterSales(work.connection).inspect(after_sale.id, restockable)
    received = await move(work, after_sale, AfterSaleStatus.RECEIVED, by=by, at=at, reason=reason)
    if received.kind is AfterSaleKind.EXCHANGE:
        await work.timers.set(RESERVE_REPLACEMENT, str(received.id), due_at=at)
        return received
    return await refund(work, received, by=by, at=at)


def _require_all(lines: list[AfterSaleLine], inspected: Mapping[UUID, Inspected]) -> None:
    """Raise Invalid unless every unit of the request is accounted for, and no other."""
    seen = {line: each.restockable_quantity + each.damaged_quantity for line, each in inspected.items()}
    if seen != {line.order_line_id: line.quantity for line in lines}:
        raise Invalid("The inspection must account for every unit of the request, and for no other.")
