"""Promising a refund: the row, its first number and its timer, in one transaction; the call comes after it (K2)."""

from datetime import datetime

from services.payment.ledger.movements import post_promise
from services.payment.ledger.storage import Account
from services.payment.refunds.domain import ADVANCE_REFUND, Refund
from services.payment.refunds.storage import Refunds
from shared.database import UnitOfWork


async def begin_refund(work: UnitOfWork, refund: Refund, *, taken_from: Account, at: datetime) -> None:
    """Add a refund whose money has been set aside, to be called for at once."""
    refunds = Refunds(work.connection)
    await refunds.add(refund, failure=None, at=at)
    out_refund_no = await refunds.add_attempt(refund, 1, at=at)
    await post_promise(
        work,
        refund.refund_id,
        refund.refund_fen,
        taken_from=taken_from,
        payment_id=refund.payment_id,
        at=at,
    )
    await work.timers.set(ADVANCE_REFUND, out_refund_no, due_at=at)
