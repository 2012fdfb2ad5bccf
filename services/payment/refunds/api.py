"""Refund attempts as operators see them, and what they decide about those that failed."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from services.payment.refunds import queries
from services.payment.refunds.domain import RefundAttemptStatus, SentTo
from services.payment.refunds.redirect_refund import intend_redirect, send_elsewhere, take_redirected
from services.payment.refunds.retry_refund import retry_by_number
from services.payment.refunds.settle_outside import look_at_refund, settle_outside
from services.payment.resources import Own
from shared.database import UnitOfWork, begin, reading
from shared.http.app import service_router
from shared.http.bodies import Body, LongText, View
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once, recall
from shared.http.paging import After, Limit, Page, instant, page_of, place_after, plain_text
from shared.http.work import Now
from shared.wechat.pay import BankCard

router = service_router("/operator/refund-attempts", tags=["operator"])


class RefundAttemptView(View):
    """One number under which WeChat Pay was asked to give money back, and the refund it belongs to."""

    out_refund_no: str
    number: int
    status: str
    calls: int
    wechat_refund_id: str | None
    requested_at: datetime
    called_at: datetime | None
    finished_at: datetime | None
    last_error: str | None
    sent_to: SentTo | None
    refund_id: UUID
    kind: str
    order_id: UUID
    out_trade_no: str
    refund_fen: int
    reason: str
    refund_status: str
    failure: str | None
    settled_outside: str | None


class UserBankCard(Body):
    """The payer's bank card, which is passed on sealed and kept nowhere; ``bank_type`` is WeChat Pay's code of the bank."""

    sent_to: Literal["user_bank_card"]
    bank_type: Annotated[str, Field(pattern=r"^[0-9A-Z_]{2,16}$")]
    bank_account: Annotated[str, Field(pattern=r"^[0-9]{8,32}$", repr=False)]
    real_name: Annotated[str, Field(min_length=1, max_length=64, repr=False)]


class MerchantAccount(Body):
    """The merchant's own bank account: the shop then pays the shopper by itself."""

    sent_to: Literal["merchant_account"]


class OutsideSettlement(Body):
    """How the shop paid by itself, to be found again: the transfer's day and reference. No card numbers."""

    evidence: Annotated[LongText, Field(max_length=500)]


@router.get("")
async def list_refund_attempts(
    caller: BooksReader,
    resources: Own,
    status: RefundAttemptStatus | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[RefundAttemptView]:
    """Refund attempts, newest first; ``abnormal``, ``closed`` and ``refused`` ones wait for a decision."""
    async with reading(resources.engine) as connection:
        before_at, before_number = place_after(after, instant, plain_text) or [None, None]
        rows = await queries.list_refund_attempts(
            connection, status=status, before_at=before_at, before_number=before_number, limit=limit + 1
        )
    items = [RefundAttemptView(**row) for row in rows]
    return page_of(items, limit, place=lambda each: (each.requested_at, each.out_refund_no))


@router.post("/{out_refund_no}/retry", status_code=202, response_model=RefundAttemptView)
async def retry(
    out_refund_no: str, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Go on with a refund that WeChat Pay could not pay out."""

    async def do(work: UnitOfWork) -> RefundAttemptView:
        number = await retry_by_number(work, out_refund_no, at=now)
        await work.audit_log.record(
            "refund-attempt.retry",
            f"refund-attempt/{out_refund_no}",
            by=caller,
            at=now,
            after={"out_refund_no": number},
        )
        return RefundAttemptView(**await queries.refund_attempt(work.connection, number))

    return await once(resources.engine, key, do, status=202)


@router.post("/{out_refund_no}/redirect", status_code=202, response_model=RefundAttemptView)
async def redirect(
    out_refund_no: str,
    body: Annotated[UserBankCard | MerchantAccount, Field(discriminator="sent_to")],
    caller: Accountant,
    resources: Own,
    key: Idempotent,
    now: Now,
) -> Response:
    """Send an abnormal refund's money to the payer's bank card, or back to the merchant who pays by itself."""
    sent_to = SentTo(body.sent_to)
    card = None
    if isinstance(body, UserBankCard):
        card = BankCard(bank_type=body.bank_type, bank_account=body.bank_account, real_name=body.real_name)
    async with begin(resources.engine) as work:
        if (kept := await recall(work, key)) is not None:
            return kept
        attempt = await intend_redirect(work, out_refund_no, sent_to, at=now)
        await work.audit_log.record(
            "refund-attempt.redirect",
            f"refund-attempt/{out_refund_no}",
            by=caller,
            at=now,
            after={"sent_to": sent_to},
        )
    said = await send_elsewhere(resources, attempt, card, at=now)

    async def do(work: UnitOfWork) -> RefundAttemptView:
        await take_redirected(work, said, at=now)
        return RefundAttemptView(**await queries.refund_attempt(work.connection, out_refund_no))

    return await once(resources.engine, key, do, status=202)


@router.post("/{out_refund_no}/settle-outside", status_code=201, response_model=RefundAttemptView)
async def settle(
    out_refund_no: str,
    body: OutsideSettlement,
    caller: Accountant,
    resources: Own,
    key: Idempotent,
    now: Now,
) -> Response:
    """Record, as the last resort, that the shop paid a failed refund by itself; WeChat Pay is asked once more before."""
    async with begin(resources.engine) as work:
        if (kept := await recall(work, key)) is not None:
            return kept
    await look_at_refund(resources, out_refund_no, at=now)

    async def do(work: UnitOfWork) -> RefundAttemptView:
        await settle_outside(work, out_refund_no, body.evidence, by=caller, at=now)
        await work.audit_log.record(
            "refund-attempt.settle-outside",
            f"refund-attempt/{out_refund_no}",
            by=caller,
            at=now,
            after={"evidence": body.evidence},
        )
        return RefundAttemptView(**await queries.refund_attempt(work.connection, out_refund_no))

    return await once(resources.engine, key, do)
