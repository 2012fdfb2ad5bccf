"""Profit sharing for operators: finance decides, auditors read."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Response
from pydantic import Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from services.payment.profit_sharing import queries
from services.payment.profit_sharing.add_receiver import activate, register
from services.payment.profit_sharing.begin_unfreeze import begin_unfreeze
from services.payment.profit_sharing.domain import (
    ReceiverKind,
    ReceiverStatus,
    RulePart,
    Sharing,
    SharingStatus,
)
from services.payment.profit_sharing.receivers import Rules
from services.payment.profit_sharing.remove_receiver import remove_receiver
from services.payment.profit_sharing.request_share import NotShareable, request_share
from services.payment.profit_sharing.set_rule import set_rule
from services.payment.profit_sharing.storage import Shares
from services.payment.profit_sharing.take_return import bear_return
from services.payment.profit_sharing.views import (
    ReceiverView,
    RuleView,
    ShareReturnView,
    SharingDetail,
    SharingSummary,
)
from services.payment.resources import Own
from shared.database import UnitOfWork, begin, reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Text
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once, recall
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.problems import NotFound
from shared.http.work import Now

router = service_router("/operator/profit-sharing", tags=["operator"])

RELATION = (
    "^(SERVICE_PROVIDER|STORE|STAFF|STORE_OWNER|PARTNER|HEADQUARTER|BRAND|DISTRIBUTOR|USER|SUPPLIER|CUSTOM)$"
)


class ReceiverCreate(Body):
    """Who is to be registered (wechat.md 5.13); ``name`` is a merchant's full name, of persons an optional check."""

    kind: Annotated[ReceiverKind, Field(strict=False)]
    account: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
    relation: Annotated[str, Field(pattern=RELATION)]
    custom_relation: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    name: Annotated[Text, Field(max_length=60)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.relation == "CUSTOM") != (self.custom_relation is not None):
            raise ValueError("custom_relation belongs to CUSTOM")
        if self.kind is ReceiverKind.MERCHANT and self.name is None:
            raise ValueError("a merchant's name is needed")
        return self


class RulePartPut(Body):
    """One receiver's part of what an order brings."""

    receiver_id: Id
    share_bp: Annotated[int, Field(ge=1, le=10_000)]


class RulePut(Body):
    """Who gets how much, how long after an order's completion; ``version`` is the one this is based on, 0 for none."""

    version: Annotated[int, Field(ge=0, le=2**31 - 2)]
    share_after_seconds: Annotated[int, Field(ge=0, le=29 * 86_400)]
    receivers: Annotated[list[RulePartPut], Field(max_length=50)]


@router.get("/receivers")
async def list_receivers(
    caller: BooksReader,
    resources: Own,
    status: ReceiverStatus | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[ReceiverView]:
    """Receivers, newest first."""
    async with reading(resources.engine) as connection:
        rows = await queries.list_receivers(
            connection, status=status, before=before_id(after), limit=limit + 1
        )
    return page_of([ReceiverView(**row) for row in rows], limit, place=lambda each: each.receiver_id)


@router.post("/receivers", status_code=201, response_model=ReceiverView)
async def add_receiver(
    body: ReceiverCreate, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Register a receiver at WeChat Pay, which must be done before it can get a share."""
    async with begin(resources.engine) as work:
        if (kept := await recall(work, key)) is not None:
            return kept
    registered = await register(
        resources,
        body.kind,
        body.account,
        relation=body.relation,
        custom_relation=body.custom_relation,
        name=body.name,
        at=now,
    )

    async def do(work: UnitOfWork) -> ReceiverView:
        receiver = await activate(work, registered, at=now)
        await work.audit_log.record(
            "share-receiver.add",
            f"share-receiver/{receiver.receiver_id}",
            by=caller,
            at=now,
            after={"kind": receiver.kind, "relation": receiver.relation, "status": receiver.status},
        )
        return ReceiverView.model_validate(receiver)

    return await once(resources.engine, key, do)


@router.post("/receivers/{receiver_id}/remove", status_code=202, response_model=ReceiverView)
async def remove(
    receiver_id: UUID, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Share nothing more with a receiver."""

    async def do(work: UnitOfWork) -> ReceiverView:
        receiver = await remove_receiver(work, receiver_id, at=now)
        await work.audit_log.record(
            "share-receiver.remove",
            f"share-receiver/{receiver_id}",
            by=caller,
            at=now,
            after={"status": receiver.status},
        )
        return ReceiverView.model_validate(receiver)

    return await once(resources.engine, key, do, status=202)


@router.get("/rule")
async def show_rule(caller: BooksReader, resources: Own) -> RuleView:
    """Who gets how much of orders that are prepaid now."""
    async with reading(resources.engine) as connection:
        rule = await Rules(connection).in_force()
    if rule is not None:
        return RuleView.of(rule)
    limits = resources.sharing
    return RuleView(
        version=0,
        share_after_seconds=0,
        max_bp=limits.max_bp,
        fee_bp=limits.fee_bp,
        unfreeze_after_seconds=limits.unfreeze_after_seconds,
        receivers=[],
    )


@router.put("/rule", response_model=RuleView)
async def put_rule(body: RulePut, caller: Accountant, resources: Own, key: Idempotent, now: Now) -> Response:
    """Share orders that are prepaid from now on by another rule; without receivers, not at all."""

    async def do(work: UnitOfWork) -> RuleView:
        before = await Rules(work.connection).in_force()
        rule = await set_rule(
            work,
            [RulePart(part.receiver_id, part.share_bp) for part in body.receivers],
            share_after_seconds=body.share_after_seconds,
            based_on=body.version,
            limits=resources.sharing,
            at=now,
        )
        view = RuleView.of(rule)
        await work.audit_log.record(
            "share-rule.change",
            "share-rule",
            by=caller,
            at=now,
            before=None if before is None else RuleView.of(before),
            after=view,
        )
        return view

    return await once(resources.engine, key, do, status=200)


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


async def _detail(connection: AsyncConnection, order_id: UUID) -> SharingDetail:
    found = await queries.sharing_of(connection, order_id)
    if found is None:
        raise NotFound()
    return SharingDetail.model_validate(found)
