"""Having the provider let go of what nobody shares."""

from datetime import datetime

from services.payment.profit_sharing.domain import (
    ADVANCE_SHARE,
    SHARE_PROFIT,
    UNFREEZE_PROFIT,
    OrderKind,
    Sharing,
    SharingStatus,
)
from services.payment.profit_sharing.storage import Shares
from shared.database import UnitOfWork


async def begin_unfreeze(work: UnitOfWork, sharing: Sharing, *, at: datetime) -> bool:
    """Begin to unfreeze the rest of a payment, locked; False while it is being shared, or when it was begun before."""
    shares = Shares(work.connection)
    if not await shares.move(sharing, SharingStatus.UNFREEZING, at=at):
        return False
    order = await shares.add_order(sharing, OrderKind.UNFREEZE, [], at=at)
    for kind in (SHARE_PROFIT, UNFREEZE_PROFIT):
        await work.timers.cancel(kind, str(sharing.payment_id))
    await work.timers.set(ADVANCE_SHARE, order.out_order_no, due_at=at)
    return True
