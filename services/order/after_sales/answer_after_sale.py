"""The shop answers a request: it approves or rejects, or an arbiter decides (OR-10)."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.order.after_sales.audit import audit
from services.order.after_sales.domain import AfterSale, AfterSaleStatus
from services.order.after_sales.negotiation import Said, say
from services.order.after_sales.refund_units import refund
from services.order.after_sales.steps import end, move, open_after_sale
from services.order.orders.domain import Actor, actor_of
from shared.crypto import FieldKeys
from shared.database import UnitOfWork
from shared.http.identity import Principal


class Side(StrEnum):
    """Whom a decision favours."""

    MEMBER = "member"
    SHOP = "shop"


async def approve_after_sale(
    work: UnitOfWork, after_sale_id: UUID, *, caller: Principal, at: datetime
) -> AfterSale:
    """Grant a request: money goes back at once, or goods are awaited.

    Raises NotFound, WrongAfterSaleStatus, NotRefundable.
    """
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.APPLIED)
    approved = await go_ahead(work, after_sale, by=actor_of(caller), at=at)
    await audit(work, "approve", after_sale, approved, by=caller, at=at)
    return approved


async def reject_after_sale(
    work: UnitOfWork, keys: FieldKeys, after_sale_id: UUID, why: Said, *, caller: Principal, at: datetime
) -> AfterSale:
    """Refuse a request, or what came back for it, and say why; raises NotFound, WrongAfterSaleStatus."""
    after_sale = await open_after_sale(work, after_sale_id)
    rejected = await move(work, after_sale, AfterSaleStatus.REJECTED, by=actor_of(caller), at=at)
    await say(work.connection, keys, after_sale_id, why, by=actor_of(caller), at=at)
    await audit(work, "reject", after_sale, rejected, by=caller, at=at)
    return rejected


async def decide_after_sale(
    work: UnitOfWork,
    keys: FieldKeys,
    after_sale_id: UUID,
    in_favour_of: Side,
    why: Said,
    *,
    caller: Principal,
    at: datetime,
) -> AfterSale:
    """End the dispute about a rejection, for good; raises NotFound, WrongAfterSaleStatus, NotRefundable."""
    after_sale = await open_after_sale(work, after_sale_id)
    after_sale.require(AfterSaleStatus.ARBITRATING)
    await say(work.connection, keys, after_sale_id, why, by=actor_of(caller), at=at)
    if in_favour_of is Side.MEMBER:
        decided = await go_ahead(work, after_sale, by=actor_of(caller), at=at)
    else:
        decided = await end(work, after_sale, AfterSaleStatus.CLOSED, by=actor_of(caller), at=at)
    await audit(work, "decide", after_sale, decided, by=caller, at=at)
    return decided


async def go_ahead(
    work: UnitOfWork, after_sale: AfterSale, *, by: Actor, at: datetime, reason: str | None = None
) -> AfterSale:
    """Approve the opened request, and do what follows from that."""
    approved = await move(work, after_sale, AfterSaleStatus.APPROVED, by=by, at=at, reason=reason)
    following = approved.after_approval()
    if following is AfterSaleStatus.REFUNDING:
        return await refund(work, approved, by=by, at=at)
    return await move(work, approved, following, by=by, at=at)
