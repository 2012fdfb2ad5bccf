"""Taking the provider's word about a return, and letting the refund go that waited for it."""

import logging
from datetime import datetime
from uuid import UUID

from services.payment.ledger.sharing import post_borne, post_returned
from services.payment.payments.refusals import Disputed, UnknownNumber
from services.payment.profit_sharing.domain import (
    UNFINISHED,
    ReceiverKind,
    ReturnStatus,
    ShareReturn,
)
from services.payment.profit_sharing.receivers import Receivers
from services.payment.profit_sharing.returns import Returns, stands_in_the_way
from services.payment.refunds.domain import ADVANCE_REFUND, RefundStatus
from services.payment.refunds.retry_refund import retry_refund
from services.payment.refunds.storage import Refunds
from services.payment.refunds.take_refund import fail_refund
from shared.database import UnitOfWork
from shared.events import ProfitShareReturned
from shared.http.problems import NotFound, Problem
from shared.wechat.pay import ReturnResult, ShareReturn as SaidReturn

log = logging.getLogger(__name__)


class ReturnNotFailed(Problem):
    """Only what could not be taken back may be borne by the shop."""

    slug, title, status = "payment/return-not-failed", "This return is not waiting for a decision", 409


async def take_return(work: UnitOfWork, out_return_no: str, said: SaidReturn, *, at: datetime) -> None:
    """Take a verified statement about a return; repeats change nothing. Raises UnknownNumber, Disputed."""
    returns = Returns(work.connection)
    found = await returns.lock(out_return_no)
    if found is None:
        raise UnknownNumber(out_return_no)
    if different := _differences(said, found):
        refund = await Refunds(work.connection).lock(found.refund_id)
        assert refund is not None
        raise Disputed(refund.out_trade_no, different)
    if found.status not in UNFINISHED:
        return
    match said.result:
        case ReturnResult.PROCESSING:
            await returns.move(out_return_no, ReturnStatus.PROCESSING, at=at)
        case ReturnResult.FAILED:
            await fail_return(work, out_return_no, f"WeChat Pay says {said.fail_reason}", at=at)
            await returns.spend_number(out_return_no)
        case ReturnResult.SUCCESS:
            await returns.move(out_return_no, ReturnStatus.RETURNED, at=at)
            amount_fen = found.amount_fen
            await post_returned(work, out_return_no, amount_fen, payment_id=found.payment_id, at=at)
            await work.outbox.add(await _announcement(work, found, at=at), at=at)
            await let_refund_go(work, found.refund_id, at=at)


async def fail_return(work: UnitOfWork, out_return_no: str, reason: str, *, at: datetime) -> None:
    """A share could not be taken back: the refund waits for an operator, who tries it again or has the shop bear it."""
    returns = Returns(work.connection)
    found = await returns.lock(out_return_no)
    if found is None or not await returns.move(out_return_no, ReturnStatus.FAILED, failure=reason, at=at):
        return
    log.error("share not returned", extra={"out_return_no": out_return_no, "reason": reason})
    refunds = Refunds(work.connection)
    refund = await refunds.lock(found.refund_id)
    assert refund is not None
    attempt = await refunds.newest_attempt(refund.refund_id)
    await work.timers.cancel(ADVANCE_REFUND, attempt.out_refund_no)
    await fail_refund(work, refund, f"a profit share was not returned: {reason}", at=at)


async def bear_return(work: UnitOfWork, out_return_no: str, *, at: datetime) -> ShareReturn:
    """Have the shop pay what a receiver keeps, on an operator's word; the refund goes on once nothing else fails.

    Raises NotFound, ReturnNotFailed.
    """
    found = await Returns(work.connection).lock(out_return_no)
    if found is None:
        raise NotFound()
    if found.status is not ReturnStatus.FAILED:
        raise ReturnNotFailed()
    await _bear(work, found, at=at)
    refund = await Refunds(work.connection).lock(found.refund_id)
    assert refund is not None
    if refund.status is RefundStatus.FAILED and not await _is_held(work, found.refund_id):
        await retry_refund(work, refund, at=at)
    return found


async def bear_personal(work: UnitOfWork, share_return: ShareReturn, *, at: datetime) -> bool:
    """Persons give nothing back, so the shop bears what they got; False for a merchant's return, locked."""
    receiver = await Receivers(work.connection).find(share_return.receiver_id)
    assert receiver is not None
    if receiver.kind is ReceiverKind.MERCHANT:
        return False
    await _bear(work, share_return, at=at)
    await let_refund_go(work, share_return.refund_id, at=at)
    return True


async def let_refund_go(work: UnitOfWork, refund_id: UUID, *, at: datetime) -> None:
    """Have the refund called for at once when it waits for no return any more."""
    if not await _is_held(work, refund_id):
        attempt = await Refunds(work.connection).newest_attempt(refund_id)
        await work.timers.set(ADVANCE_REFUND, attempt.out_refund_no, due_at=at)


async def _is_held(work: UnitOfWork, refund_id: UUID) -> bool:
    return any(stands_in_the_way(each) for each in await Returns(work.connection).of_refund(refund_id))


async def _bear(work: UnitOfWork, share_return: ShareReturn, *, at: datetime) -> None:
    number = share_return.out_return_no
    if await Returns(work.connection).move(number, ReturnStatus.BORNE, at=at):
        await post_borne(work, number, share_return.amount_fen, payment_id=share_return.payment_id, at=at)


def _differences(said: SaidReturn, found: ShareReturn) -> dict[str, object]:
    """What a statement says differently from what was asked for (P4)."""
    wanted: dict[str, object] = {
        "out_order_no": found.out_order_no,
        "out_return_no": found.called_as,
        "return_mchid": found.account,
        "amount_fen": found.amount_fen,
    }
    return {name: getattr(said, name) for name in wanted if getattr(said, name) != wanted[name]}


async def _announcement(work: UnitOfWork, share_return: ShareReturn, *, at: datetime) -> ProfitShareReturned:
    refund = await Refunds(work.connection).lock(share_return.refund_id)
    assert refund is not None
    return ProfitShareReturned(
        payment_id=share_return.payment_id,
        order_id=refund.order_id,
        refund_id=share_return.refund_id,
        receiver_id=share_return.receiver_id,
        out_return_no=share_return.out_return_no,
        returned_fen=share_return.amount_fen,
        returned_at=at,
    )
