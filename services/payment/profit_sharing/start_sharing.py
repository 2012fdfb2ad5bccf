"""A payment succeeded whose money was to be shared: from now on the provider holds it back."""

from datetime import datetime, timedelta

from services.payment.ledger.sharing import post_frozen
from services.payment.payments.domain import Attempt, Payment
from services.payment.profit_sharing.domain import UNFREEZE_PROFIT
from services.payment.profit_sharing.receivers import Rules
from services.payment.profit_sharing.storage import Shares
from shared.database import UnitOfWork
from shared.money import share_bp


async def start_sharing(
    work: UnitOfWork,
    payment: Payment,
    attempt: Attempt,
    transaction_id: str,
    *,
    paid_at: datetime,
    at: datetime,
) -> None:
    """Keep the limits of the rule that the attempt was prepaid under; nothing when it was under none."""
    if attempt.share_rule_version is None:
        return
    rule = await Rules(work.connection).of(attempt.share_rule_version)
    unfreeze_due_at = paid_at + timedelta(seconds=rule.unfreeze_after_seconds)
    await Shares(work.connection).start(
        payment.payment_id,
        order_id=payment.order_id,
        out_trade_no=attempt.out_trade_no,
        transaction_id=transaction_id,
        rule_version=rule.version,
        max_bp=rule.max_bp,
        fee_fen=share_bp(payment.amount_fen, rule.fee_bp),
        paid_at=paid_at,
        unfreeze_due_at=unfreeze_due_at,
        at=at,
    )
    await post_frozen(work, payment.payment_id, payment.amount_fen, at=at)
    await work.timers.set(UNFREEZE_PROFIT, str(payment.payment_id), due_at=unfreeze_due_at)
