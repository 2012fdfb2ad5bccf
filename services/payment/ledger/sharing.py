"""Every movement of cash by profit sharing. Amounts are fen; debits are positive."""

from datetime import datetime
from uuid import UUID

from services.payment.ledger.storage import Account, Ledger, Source
from shared.database import UnitOfWork


async def post_frozen(work: UnitOfWork, payment_id: UUID, paid_fen: int, *, at: datetime) -> None:
    """The provider holds what was just paid back for sharing."""
    await Ledger(work.connection).post(
        Source(type="profit-share", id=str(payment_id), kind="frozen"),
        {Account.PROVIDER_FROZEN: paid_fen, Account.PROVIDER_RECEIVABLE: -paid_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_share_requested(
    work: UnitOfWork, out_order_no: str, amount_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """A part of what an order brought is promised to receivers."""
    await Ledger(work.connection).post(
        Source(type="share-order", id=out_order_no, kind="requested"),
        {Account.ORDER_RECEIPTS: amount_fen, Account.SHARES_PAYABLE: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_share_finished(
    work: UnitOfWork,
    out_order_no: str,
    *,
    shared_fen: int,
    closed_fen: int,
    payment_id: UUID,
    at: datetime,
) -> None:
    """Receivers got what they were promised, or it stays what the order brought."""
    entries = {
        Account.SHARES_PAYABLE: shared_fen + closed_fen,
        Account.PROVIDER_FROZEN: -shared_fen,
        Account.ORDER_RECEIPTS: -closed_fen,
    }
    await Ledger(work.connection).post(
        Source(type="share-order", id=out_order_no, kind="finished"),
        {account: amount_fen for account, amount_fen in entries.items() if amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_unfrozen(work: UnitOfWork, payment_id: UUID, rest_fen: int, *, at: datetime) -> None:
    """The provider holds nothing of a payment back any more; what it held evens out refunds paid meanwhile."""
    await Ledger(work.connection).post(
        Source(type="profit-share", id=str(payment_id), kind="unfrozen"),
        {Account.PROVIDER_RECEIVABLE: rest_fen, Account.PROVIDER_FROZEN: -rest_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_return_requested(
    work: UnitOfWork, out_return_no: str, amount_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """A receiver is to give back a part of its share."""
    await _post_return(
        work,
        out_return_no,
        "requested",
        {Account.SHARE_RETURNS_RECEIVABLE: amount_fen, Account.ORDER_RECEIPTS: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_returned(
    work: UnitOfWork, out_return_no: str, amount_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """A receiver gave it back."""
    await _post_return(
        work,
        out_return_no,
        "returned",
        {Account.PROVIDER_RECEIVABLE: amount_fen, Account.SHARE_RETURNS_RECEIVABLE: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_borne(
    work: UnitOfWork, out_return_no: str, amount_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """A receiver keeps it, at the shop's cost."""
    await _post_return(
        work,
        out_return_no,
        "borne",
        {Account.SHARES_BORNE: amount_fen, Account.SHARE_RETURNS_RECEIVABLE: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def post_return_void(
    work: UnitOfWork, out_return_no: str, amount_fen: int, *, payment_id: UUID, at: datetime
) -> None:
    """The receiver never got it, so there is nothing to give back."""
    await _post_return(
        work,
        out_return_no,
        "void",
        {Account.ORDER_RECEIPTS: amount_fen, Account.SHARE_RETURNS_RECEIVABLE: -amount_fen},
        payment_id=payment_id,
        at=at,
    )


async def _post_return(
    work: UnitOfWork,
    out_return_no: str,
    kind: str,
    entries: dict[Account, int],
    *,
    payment_id: UUID,
    at: datetime,
) -> None:
    await Ledger(work.connection).post(
        Source(type="share-return", id=out_return_no, kind=kind), entries, payment_id=payment_id, at=at
    )
