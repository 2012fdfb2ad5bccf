"""Money that no order wants goes back in full, once, by itself (P5)."""

from datetime import datetime

from services.payment.ledger.storage import Account
from services.payment.payments.domain import Attempt, Payment, Surplus
from services.payment.refunds.begin_refund import begin_refund
from services.payment.refunds.domain import Refund, RefundKind, RefundStatus, surplus_number
from shared.database import UnitOfWork
from shared.ids import new_id


async def refund_surplus(
    work: UnitOfWork, payment: Payment, attempt: Attempt, paid_fen: int, *, reason: Surplus, at: datetime
) -> None:
    """Begin the one refund of a paid attempt that does not count; its fixed number makes a second one impossible."""
    refund = Refund(
        refund_id=new_id(),
        refund_number=surplus_number(attempt.out_trade_no),
        kind=RefundKind.SURPLUS,
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        out_trade_no=attempt.out_trade_no,
        total_fen=paid_fen,
        refund_fen=paid_fen,
        reason=reason,
        status=RefundStatus.PROCESSING,
    )
    await begin_refund(work, refund, taken_from=Account.SURPLUS_PAYABLE, at=at)
