"""Every movement of cash that the books know. Amounts are fen; debits are positive."""

from datetime import date, datetime
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


async def post_sent_to_merchant(
    work: UnitOfWork, refund_id: UUID, refund_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """The provider paid an abnormal refund to the merchant's bank; it is still owed to the payer."""
    await Ledger(work.connection).post(
        Source(type="refund", id=str(refund_id), kind="sent_to_merchant"),
        {Account.MERCHANT_ACCOUNT: refund_fen, Account.PROVIDER_RECEIVABLE: -refund_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_settled_outside(
    work: UnitOfWork, refund_id: UUID, refund_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """The merchant paid a refund out of its own account, past the provider."""
    await Ledger(work.connection).post(
        Source(type="refund", id=str(refund_id), kind="settled_outside"),
        {Account.REFUNDS_PAYABLE: refund_fen, Account.MERCHANT_ACCOUNT: -refund_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_fees(
    work: UnitOfWork, bill_on: date, *, charged_fen: int, returned_fen: int, at: datetime
) -> None:
    """The provider's fees of a shop day, as its bills say: what was kept of payments, what came back with refunds."""
    ledger, day = Ledger(work.connection), bill_on.isoformat()
    if charged_fen:
        await ledger.post(
            Source(type="bill", id=day, kind="fees_charged"),
            {Account.PROVIDER_FEES: charged_fen, Account.PROVIDER_RECEIVABLE: -charged_fen},
            payment_id=None,
            at=at,
        )
    if returned_fen:
        await ledger.post(
            Source(type="bill", id=day, kind="fees_returned"),
            {Account.PROVIDER_RECEIVABLE: returned_fen, Account.PROVIDER_FEES: -returned_fen},
            payment_id=None,
            at=at,
        )
