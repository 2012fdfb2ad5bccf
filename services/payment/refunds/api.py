"""Refund attempts as operators see them, and their second try."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from services.payment.refunds import queries
from services.payment.refunds.domain import RefundAttemptStatus
from services.payment.refunds.retry_refund import retry_by_number
from services.payment.resources import Own
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, instant, page_of, place_after, plain_text
from shared.http.work import Now

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
    refund_id: UUID
    kind: str
    order_id: UUID
    out_trade_no: str
    refund_fen: int
    reason: str
    refund_status: str
    failure: str | None


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
