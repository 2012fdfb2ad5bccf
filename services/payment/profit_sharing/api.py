"""Shared payments for operators: finance decides, auditors read."""

from uuid import UUID

from fastapi import Response

from services.payment.profit_sharing import queries
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import Sharing, SharingStatus
from services.payment.profit_sharing.request_share import NotShareable, request_share
from services.payment.profit_sharing.storage import Shares
from services.payment.profit_sharing.take_return import bear_return
from services.payment.profit_sharing.views import ShareReturnView, SharingDetail, SharingSummary
from services.payment.resources import Own
from shared.connection import Connection
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.problems import NotFound
from shared.http.work import Now

router = service_router("/operator/profit-sharing", tags=["operator"])


@router.get("/shares")
async def list_shares(
    caller: BooksReader,
    resources: Own,
    status: SharingStatus | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[SharingSummary]:
    """Payments whose money was to be shared, newest first; ``refused`` and ``finished`` ones wait for a decision."""
    async with reading(resources.engine) as connection:
        rows = await queries.list_sharings(
            connection, status=status, before=before_id(after), limit=limit + 1
        )
    return page_of([SharingSummary(**row) for row in rows], limit, place=lambda each: each.payment_id)


@router.get("/shares/{order_id}")
async def show_share(order_id: UUID, caller: BooksReader, resources: Own) -> SharingDetail:
    """The sharing of an order's payment with its share orders, parts and returns."""
    async with reading(resources.engine) as connection:
        return await _detail(connection, order_id)


@router.post("/shares/{order_id}/share", status_code=202, response_model=SharingDetail)
async def share_now(
    order_id: UUID, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Share an order's payment now, or again with those who got nothing; a refused share goes on under its number."""

    async def do(work: UnitOfWork) -> SharingDetail:
        await request_share(work, await _locked(work, order_id), at=now)
        detail = await _detail(work.connection, order_id)
        await work.audit_log.record(
            "profit-share.share", f"order/{order_id}", by=caller, at=now, after={"status": detail.status}
        )
        return detail

    return await once(resources.engine, key, do, status=202)


@router.post("/shares/{order_id}/unfreeze", status_code=202, response_model=SharingDetail)
async def unfreeze_now(
    order_id: UUID, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Have WeChat Pay let go of what is still frozen of an order's payment; nothing can be shared of it afterwards."""

    async def do(work: UnitOfWork) -> SharingDetail:
        if not await begin_unfreeze(work, await _locked(work, order_id), at=now):
            raise NotShareable("It is being shared, or was unfrozen before.")
        await work.audit_log.record("profit-share.unfreeze", f"order/{order_id}", by=caller, at=now)
        return await _detail(work.connection, order_id)

    return await once(resources.engine, key, do, status=202)


@router.post("/returns/{out_return_no}/bear", response_model=ShareReturnView)
async def bear(out_return_no: str, caller: Accountant, resources: Own, key: Idempotent, now: Now) -> Response:
    """Have the shop pay what a receiver did not give back, so that the refund goes on."""

    async def do(work: UnitOfWork) -> ShareReturnView:
        borne = await bear_return(work, out_return_no, at=now)
        await work.audit_log.record(
            "share-return.bear",
            f"share-return/{out_return_no}",
            by=caller,
            at=now,
            after={"amount_fen": borne.amount_fen, "refund_id": borne.refund_id},
        )
        return ShareReturnView(**await queries.return_of(work.connection, out_return_no))

    return await once(resources.engine, key, do, status=200)


async def _locked(work: UnitOfWork, order_id: UUID) -> Sharing:
    sharing = await Shares(work.connection).lock_by_order(order_id)
    if sharing is None:
        raise NotFound()
    return sharing


async def _detail(connection: Connection, order_id: UUID) -> SharingDetail:
    found = await queries.sharing_of(connection, order_id)
    if found is None:
        raise NotFound()
    return SharingDetail.model_validate(found)
