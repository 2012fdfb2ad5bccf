"""Every movement of cash that the books know. Amounts are fen; debits are positive."""

from datetime import datetime
from uuid import UUID

from services.payment.ledger.storage import Account, Ledger, Source
from shared.database import UnitOfWork


async def post_receipt(
    work: UnitOfWork, out_trade_no: str, amount_fen: int, *, owed_to: Account, payment_id: UUID, at: datetime
) -> None:
    """The provider collected money, for an order or for nobody."""
    await Ledger(work.connection).post(
        Source(type="attempt", id=out_trade_no, kind="received"),
        {Account.PROVIDER_RECEIVABLE: amount_fen, owed_to: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_promise(
    work: UnitOfWork, refund_id: UUID, refund_fen: int, *, taken_from: Account, payment_id: UUID, at: datetime
) -> None:
    """A part of what was received is to be given back."""
    await Ledger(work.connection).post(
        Source(type="refund", id=str(refund_id), kind="promised"),
        {taken_from: refund_fen, Account.REFUNDS_PAYABLE: -refund_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_payout(
    work: UnitOfWork, refund_id: UUID, refund_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """The provider paid a refund out."""
    await Ledger(work.connection).post(
        Source(type="refund", id=str(refund_id), kind="paid_out"),
        {Account.REFUNDS_PAYABLE: refund_fen, Account.PROVIDER_RECEIVABLE: -refund_fen},
        payment_id=payment_id,
        at=at,
    )
