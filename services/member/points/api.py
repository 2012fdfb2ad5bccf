"""A member's points, the order service's holds, and the operators' rules (MB-03, MB-04)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from services.member.points.domain import MAX_POINTS, Kind, PointRules
from services.member.points.hold_points import hold_points, release_points
from services.member.points.holds import Hold, HoldState
from services.member.points.queries import points_overview, spendable_entries
from services.member.points.storage import RuleBook
from services.member.points.usecases import adjust_points, change_point_rules
from services.member.resources import Own
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.bodies import BasisPoints, Body, Id, Text, View
from shared.http.callers import AnyOperator, Editor, FromOrder, Member
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page, before_id, page_of
from shared.http.problems import Invalid
from shared.http.work import Now, Work

router = service_router(tags=["points"])


class NextExpiry(View):
    """The points that expire first."""

    points: int
    expires_at: datetime


class PointsView(View):
    """A member's points, and what they are worth: `points_per_yuan` points pay 1 yuan."""

    spendable_points: int
    held_points: int
    owed_points: int
    points_per_yuan: int
    points_max_ratio_bp: int
    next_expiry: NextExpiry | None


class EntryView(View):
    """One movement of the spendable points; negative ones went away."""

    entry_id: UUID
    kind: Kind
    points: int
    order_id: UUID | None
    reason: str | None
    at: datetime


class HoldBody(Body):
    """The points that an order sets aside."""

    member_id: Id
    points: Annotated[int, Field(ge=1, le=MAX_POINTS)]


class HoldView(View):
    """An order's hold."""

    order_id: UUID
    points: int
    state: HoldState

    @classmethod
    def of(cls, hold: Hold) -> "HoldView":
        return cls(order_id=hold.order_id, points=hold.points, state=hold.state)


class RulesBody(Body):
    """How points and growth are earned, and what points are worth."""

    earn_points_per_yuan: Annotated[int, Field(ge=0, le=1_000)]
    growth_per_yuan: Annotated[int, Field(ge=0, le=1_000)]
    login_points: Annotated[int, Field(ge=0, le=10_000)]
    points_per_yuan: Annotated[int, Field(ge=1, le=1_000_000)]
    points_max_ratio_bp: BasisPoints
    expire_after_days: Annotated[int, Field(ge=1, le=3_650)]


class RulesView(View):
    """The point rules in force."""

    earn_points_per_yuan: int
    growth_per_yuan: int
    login_points: int
    points_per_yuan: int
    points_max_ratio_bp: int
    expire_after_days: int

    @classmethod
    def of(cls, rules: PointRules) -> "RulesView":
        return cls.model_validate(rules)


class Adjustment(Body):
    """Points to give, or to take when negative, and why."""

    points: Annotated[int, Field(ge=-MAX_POINTS, le=MAX_POINTS)]
    reason: Text


class AdjustedView(View):
    """The balance after an adjustment."""

    member_id: UUID
    spendable_points: int
    held_points: int
    owed_points: int


@router.get("/me/points")
async def my_points(caller: Member, resources: Own) -> PointsView:
    """The caller's points."""
    async with reading(resources.engine) as connection:
        row = await points_overview(connection, caller.member_id)
    expiry = NextExpiry(points=row.expiring_points, expires_at=row.expires_at) if row.expires_at else None
    return PointsView(
        spendable_points=row.spendable,
        held_points=row.held,
        owed_points=row.owed,
        points_per_yuan=row.points_per_yuan,
        points_max_ratio_bp=row.points_max_ratio_bp,
        next_expiry=expiry,
    )


@router.get("/me/points/entries")
async def my_entries(
    caller: Member, resources: Own, limit: Limit = 20, after: After = None
) -> Page[EntryView]:
    """What moved the caller's spendable points, the newest first."""
    async with reading(resources.engine) as connection:
        rows = await spendable_entries(connection, caller.member_id, before=before_id(after), limit=limit + 1)
    items = [
        EntryView(
            entry_id=row.id,
            kind=row.kind,
            points=row.points,
            order_id=row.order_id,
            reason=row.reason,
            at=row.at,
        )
        for row in rows
    ]
    return page_of(items, limit, place=lambda each: each.entry_id)


@router.put("/internal/points-holds/{order_id}")
async def hold(order_id: UUID, body: HoldBody, caller: FromOrder, work: Work, now: Now) -> HoldView:
    """Set points aside for an order."""
    return HoldView.of(
        await hold_points(work, order_id, member_id=body.member_id, points=body.points, at=now)
    )


@router.post("/internal/points-holds/{order_id}/release")
async def release(order_id: UUID, caller: FromOrder, work: Work, now: Now) -> HoldView:
    """Let an order's points go."""
    return HoldView.of(await release_points(work, order_id, at=now))


@router.get("/operator/point-rules")
async def show_rules(caller: AnyOperator, resources: Own) -> RulesView:
    """The point rules in force."""
    async with reading(resources.engine) as connection:
        return RulesView.of(await RuleBook(connection).rules())


@router.put("/operator/point-rules")
async def put_rules(body: RulesBody, caller: Editor, work: Work, now: Now) -> RulesView:
    """Replace the point rules."""
    rules = PointRules(**body.model_dump())
    await change_point_rules(work, rules, by=caller, at=now)
    return RulesView.of(rules)


@router.post("/operator/members/{member_id}/points-adjustments", status_code=201)
async def adjust(
    member_id: UUID, body: Adjustment, caller: Editor, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Give or take points by hand."""
    if body.points == 0:
        raise Invalid("An adjustment gives or takes at least one point.")

    async def do(work: UnitOfWork) -> AdjustedView:
        balance = await adjust_points(work, member_id, body.points, reason=body.reason, by=caller, at=now)
        return AdjustedView(
            member_id=member_id,
            spendable_points=balance.spendable,
            held_points=balance.held,
            owed_points=balance.owed,
        )

    return await once(resources.engine, key, do)
