"""Reconciliation as operators work with it: days, their progress and differences, and what is decided about them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field
from starlette.responses import Response

from services.payment.reconciliation import queries
from services.payment.reconciliation.ask_day import ask_day
from services.payment.reconciliation.domain import DifferenceKind, DifferenceStatus, Resolution, Status
from services.payment.reconciliation.settle_difference import (
    carry_difference,
    resolve_difference,
)
from services.payment.resources import Own
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Text, View
from shared.http.callers import Accountant, BooksReader
from shared.http.idempotency import Idempotent, once
from shared.http.identity import Principal
from shared.http.paging import After, Limit, Page, page_of, place_after
from shared.http.problems import NotFound
from shared.http.work import Now

router = service_router("/operator", tags=["operator"])


def _day(value: Any) -> Any:
    """Pydantic would take a number for days or seconds since 1970."""
    if isinstance(value, str) and len(value) == len("2026-01-02"):
        return value
    raise ValueError("must be a day such as 2026-01-02")


class ReconciliationCreate(Body):
    """A past shop day (Asia/Shanghai), of the last three months."""

    bill_on: Annotated[date, Field(strict=False), BeforeValidator(_day)]


class BillView(View):
    """One of a day's bills and how far it was read; no ``sha1`` once read: nothing happened that day."""

    sha1: str | None
    bytes: int | None
    rows: int | None
    rows_read: int
    rows_compared: int
    read_at: datetime | None


class DifferenceCounts(View):
    """How a day's differences stand."""

    open: int
    carried: int
    resolved: int


class ReconciliationView(View):
    """A day: what is done next, how far it got, what differs, and its totals once it is closed."""

    bill_on: date
    status: Status
    step: str
    run: int
    asked_at: datetime
    compared_at: datetime | None
    last_error: str | None
    bills: dict[str, BillView]
    payments_compared: int
    refunds_compared: int
    differences: DifferenceCounts
    fees_charged_fen: int
    fees_returned_fen: int
    closed_at: datetime | None
    closed_by: UUID | None
    payments: int | None
    payments_fen: int | None
    refunds: int | None
    refunds_fen: int | None


class DifferenceView(View):
    """Something on which a bill and our books, or the two bills, disagree: both sides' facts, owner and decision."""

    difference_id: UUID
    bill_on: date
    bill: str
    kind: DifferenceKind
    number: str
    bill_facts: dict[str, Any] | None
    books_facts: dict[str, Any] | None
    found_at: datetime
    status: DifferenceStatus
    owner_role: str
    owner_id: UUID | None
    resolution: Resolution | None
    note: str | None
    resolved_by: UUID | None
    resolved_at: datetime | None


class DifferenceCarry(Body):
    """Why the difference may wait although its day is closed."""

    note: Text


class DifferenceResolve(Body):
    """What was found out, in a word and in a sentence."""

    resolution: Literal["explained", "books_corrected", "provider_corrected", "written_off"]
    note: Text


@router.get("/reconciliations")
async def list_reconciliations(
    caller: BooksReader, resources: Own, status: Status | None = None, after: After = None, limit: Limit = 20
) -> Page[ReconciliationView]:
    """Days, newest first."""
    async with reading(resources.engine) as connection:
        (before,) = place_after(after, date.fromisoformat) or [None]
        rows = await queries.list_days(connection, status=status, before=before, limit=limit + 1)
    return page_of([ReconciliationView(**row) for row in rows], limit, place=lambda each: each.bill_on)


@router.post("/reconciliations", status_code=202, response_model=ReconciliationView)
async def ask_for_reconciliation(
    body: ReconciliationCreate, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Reconcile a past day, again when it was compared before and is not closed."""

    async def do(work: UnitOfWork) -> ReconciliationView:
        await ask_day(work, body.bill_on, by=caller.subject, at=now)
        found = await queries.day_of(work.connection, body.bill_on)
        assert found is not None
        await work.audit_log.record(
            "reconciliation.ask",
            f"reconciliation/{body.bill_on}",
            by=caller,
            at=now,
            after={"run": found["run"]},
        )
        return ReconciliationView(**found)

    return await once(resources.engine, key, do, status=202)


@router.get("/reconciliations/{bill_on}")
async def show_reconciliation(bill_on: date, caller: BooksReader, resources: Own) -> ReconciliationView:
    """One day."""
    async with reading(resources.engine) as connection:
        found = await queries.day_of(connection, bill_on)
    if found is None:
        raise NotFound()
    return ReconciliationView(**found)


@router.get("/reconciliation-differences")
async def list_differences(
    caller: BooksReader,
    resources: Own,
    bill_on: date | None = None,
    status: DifferenceStatus | None = None,
    kind: DifferenceKind | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[DifferenceView]:
    """Differences of the newest days first; of one day, status or kind when asked."""
    async with reading(resources.engine) as connection:
        before_on, before_id = place_after(after, date.fromisoformat, UUID) or [None, None]
        rows = await queries.list_differences(
            connection,
            bill_on=bill_on,
            status=status,
            kind=kind,
            before_on=before_on,
            before_id=before_id,
            limit=limit + 1,
        )
    items = [DifferenceView(**row) for row in rows]
    return page_of(items, limit, place=lambda each: (each.bill_on, each.difference_id))


@router.post("/reconciliation-differences/{difference_id}/carry", response_model=DifferenceView)
async def carry(
    difference_id: Id, body: DifferenceCarry, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Take a difference on, so that its day may be closed before it is explained."""

    async def do(work: UnitOfWork) -> DifferenceView:
        assert caller.subject is not None
        await carry_difference(work, difference_id, note=body.note, by=caller.subject, at=now)
        return await _decided(work, "carry", difference_id, caller, now)

    return await once(resources.engine, key, do, status=200)


@router.post("/reconciliation-differences/{difference_id}/resolve", response_model=DifferenceView)
async def resolve(
    difference_id: Id, body: DifferenceResolve, caller: Accountant, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Decide about a difference; this moves no money."""

    async def do(work: UnitOfWork) -> DifferenceView:
        assert caller.subject is not None
        await resolve_difference(
            work, difference_id, Resolution(body.resolution), note=body.note, by=caller.subject, at=now
        )
        return await _decided(work, "resolve", difference_id, caller, now)

    return await once(resources.engine, key, do, status=200)


async def _decided(
    work: UnitOfWork, verb: str, difference_id: UUID, caller: Principal, now: datetime
) -> DifferenceView:
    view = DifferenceView(**await queries.difference(work.connection, difference_id))
    await work.audit_log.record(
        f"reconciliation-difference.{verb}",
        f"reconciliation-difference/{difference_id}",
        by=caller,
        at=now,
        after={"status": view.status, "resolution": view.resolution, "note": view.note},
    )
    return view
