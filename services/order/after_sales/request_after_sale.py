"""A shopper asks, asks otherwise, insists or withdraws (OR-10)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.order.after_sales.answer_after_sale import go_ahead
from services.order.after_sales.claims import claim
from services.order.after_sales.domain import (
    AfterSale,
    AfterSaleKind,
    AfterSaleReason,
    AfterSaleStatus,
    StepReason,
)
from services.order.after_sales.negotiation import Said, say
from services.order.after_sales.rules import after_sale_rules
from services.order.after_sales.steps import begin_after_sale, end, move, open_after_sale
from services.order.after_sales.storage import AfterSales
from services.order.orders.domain import EVER_PAID, SYSTEM, OrderStatus, actor_of
from services.order.orders.line_counts import count_claimed
from services.order.orders.storage import Orders
from services.order.refunds.domain import require_refundable
from shared.crypto import FieldKeys
from shared.database import UnitOfWork
from shared.http.identity import Principal
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class AfterSaleWish:
    """What a shopper asks for: units by order line, and why."""

    kind: AfterSaleKind
    units: Mapping[UUID, int]
    reason: AfterSaleReason
    said: Said | None


async def request_after_sale(
    work: UnitOfWork,
    keys: FieldKeys,
    order_id: UUID,
    wish: AfterSaleWish,
    *,
    caller: Principal,
    at: datetime,
) -> AfterSale:
    """Make a request about units of the caller's order; a refund of one of which nothing has left is granted at once.

    Raises NotFound, WrongStatus, NotRefundable, and what `claim` refuses. However many ask at once, no more units are
    claimed and refunded than were bought: the order is locked, and the counters of its lines are guarded (K12).
    """
    orders, after_sales = Orders(work.connection), AfterSales(work.connection)
    order = await orders.lock_own(order_id, member_id=caller.member_id)
    order.require(*EVER_PAID)
    require_refundable(order, at=at)
    rules = await after_sale_rules(work.connection)
    lines = claim(
        order,
        await orders.lines(order_id),
        wish.kind,
        wish.units,
        at=at,
        default_days=rules.default_days,
    )
    await count_claimed(work.connection, [line.claim for line in lines])
    number = await after_sales.next_number(order_id)
    after_sale = AfterSale(
        id=new_id(),
        order_id=order_id,
        order_number=order.order_number,
        member_id=order.member_id,
        number=number,
        after_sale_number=f"{order.order_number}S{number:02d}",
        kind=wish.kind,
        status=AfterSaleStatus.APPLIED,
        version=1,
        reason=wish.reason,
        refund_id=None,
        return_carrier=None,
        return_tracking_number=None,
        replacement_carrier=None,
        replacement_tracking_number=None,
        due_at=rules.due_at(AfterSaleStatus.APPLIED, at),
        applied_at=at,
        ended_at=None,
    )
    await begin_after_sale(work, after_sale, lines, by=actor_of(caller))
    await _said(work, keys, after_sale, wish.said, caller=caller, at=at)
    unshipped = wish.kind is AfterSaleKind.REFUND_ONLY and order.status is OrderStatus.PAID
    if unshipped and rules.approve_unshipped_at_once:
        return await go_ahead(work, after_sale, by=SYSTEM, at=at, reason=StepReason.NOT_SHIPPED)
    return after_sale


async def amend_after_sale(
    work: UnitOfWork,
    keys: FieldKeys,
    after_sale_id: UUID,
    reason: AfterSaleReason,
    said: Said | None,
    *,
    caller: Principal,
    at: datetime,
) -> AfterSale:
    """Ask again after a rejection, about the same units, with better reasons; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id, member_id=caller.member_id)
    after_sale.require(AfterSaleStatus.REJECTED)
    amended = replace(after_sale, reason=reason)
    amended = await move(work, amended, AfterSaleStatus.APPLIED, by=actor_of(caller), at=at, reason=reason)
    await _said(work, keys, amended, said, caller=caller, at=at)
    return amended


async def escalate_after_sale(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """Have somebody else decide about a rejection; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id, member_id=caller.member_id)
    return await move(work, after_sale, AfterSaleStatus.ARBITRATING, by=actor_of(caller), at=at)


async def cancel_after_sale(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """Withdraw a request, again harmlessly; raises NotFound, WrongAfterSaleStatus once goods or money are on their way."""
    after_sale = await open_after_sale(work, after_sale_id, member_id=caller.member_id)
    if after_sale.status is AfterSaleStatus.CANCELLED:
        return after_sale
    return await end(work, after_sale, AfterSaleStatus.CANCELLED, by=actor_of(caller), at=at)


async def _said(
    work: UnitOfWork,
    keys: FieldKeys,
    after_sale: AfterSale,
    said: Said | None,
    *,
    caller: Principal,
    at: datetime,
) -> None:
    if said is not None:
        await say(work.connection, keys, after_sale.id, said, by=actor_of(caller), at=at)
