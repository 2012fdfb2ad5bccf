"""Receivers and the share rule for operators: finance decides, auditors read."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import Response
from pydantic import Field, model_validator

from services.payment.profit_sharing import queries
from services.payment.profit_sharing.add_receiver import activate, register
from services.payment.profit_sharing.domain import ReceiverKind, ReceiverStatus, RulePart
from services.payment.profit_sharing.receivers import Rules
from services.payment.profit_sharing.remove_receiver import remove_receiver
from services.payment.profit_sharing.set_rule import set_rule
from services.payment.profit_sharing.views import ReceiverView, RuleView
from services.payment.resources import Own
from shared.database import UnitOfWork, begin, reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Text
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once, recall
from shared.http.paging import After, Limit, Page, before_id, page_of
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
