"""Points come, go and expire (MB-03)."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from services.member.points.domain import Balance, Kind, PointRules, Source, Transfer
from services.member.points.storage import PointsBook, Posting, RuleBook
from shared.clock import shop_day
from shared.database import UnitOfWork
from shared.events import PointsEarned
from shared.http.identity import Principal
from shared.ids import new_id


async def open_points(work: UnitOfWork, member_id: UUID) -> None:
    """The balance of a new member: nothing."""
    await PointsBook(work.connection).open(member_id)


async def point_rules(work: UnitOfWork) -> PointRules:
    """The rules in force."""
    return await RuleBook(work.connection).rules()


async def earn_points(
    work: UnitOfWork,
    member_id: UUID,
    points: int,
    *,
    reason: str,
    source: Source,
    expires_at: datetime,
    at: datetime,
) -> None:
    """Add points for something the member did, and announce it; no points are no entry."""
    if points > 0:
        book = PointsBook(work.connection)
        earned = (await book.lock(member_id)).receive(Kind.EARN, points)
        await book.post([Posting(member_id, earned, source, reason)], at=at, expires_at=expires_at)
        await work.outbox.add(points_earned(member_id, earned[0], source, reason=reason, at=at), at=at)


async def earn_login_points(work: UnitOfWork, member_id: UUID, *, at: datetime) -> None:
    """Add the points of a shop day's first login."""
    book = PointsBook(work.connection)
    source = Source("login", f"{member_id}:{shop_day(at)}")
    rules = await point_rules(work)
    await book.lock(member_id)
    if not await book.has(source, Kind.EARN):
        await earn_points(
            work,
            member_id,
            rules.login_points,
            reason="login",
            source=source,
            expires_at=rules.expires_at(at),
            at=at,
        )


async def reverse_points(
    work: UnitOfWork, member_id: UUID, *, returned: int, taken_back: int, source: Source, at: datetime
) -> tuple[UUID | None, UUID | None]:
    """Return spent points and take earned ones back; what cannot be found becomes debt.

    Returned points are new ones, which expire as if they came now. Answers with the entries, None for no points.
    """
    book, rules = PointsBook(work.connection), await point_rules(work)
    balance = await book.lock(member_id)
    coming = balance.receive(Kind.RETURN, returned)
    going = balance.after(coming).take_back(taken_back)
    posting = Posting(member_id, [*coming, *going], source)
    await book.post([posting], at=at, expires_at=rules.expires_at(at))
    return coming[0].id if coming else None, going[0].id if going else None


async def adjust_points(
    work: UnitOfWork, member_id: UUID, points: int, *, reason: str, by: Principal, at: datetime
) -> Balance:
    """Give points (or take them, when negative) by an operator's word; returns the balance after it.

    Raises NotEnoughPoints, NotFound.
    """
    book = PointsBook(work.connection)
    before = await book.lock(member_id)
    source = Source("adjustment", str(new_id()))
    moved = before.receive(Kind.GRANT, points) if points > 0 else before.deduct(-points)
    rules = await point_rules(work)
    await book.post([Posting(member_id, moved, source, reason)], at=at, expires_at=rules.expires_at(at))
    if points > 0:
        await work.outbox.add(points_earned(member_id, moved[0], source, reason="adjustment", at=at), at=at)
    after = before.after(moved)
    await work.audit_log.record(
        "points.adjust",
        f"member/{member_id}",
        by=by,
        at=at,
        before=before,
        after=asdict(after) | {"adjustment_id": source.id, "reason": reason},
    )
    return after


async def expire_points(work: UnitOfWork, member_id: UUID, *, at: datetime) -> None:
    """Take away what is past its day."""
    book = PointsBook(work.connection)
    balance = await book.lock(member_id)
    expired = balance.expire(await book.due(member_id, at=at))
    await book.post([Posting(member_id, expired, Source("expiry", str(new_id())))], at=at)


async def change_point_rules(work: UnitOfWork, rules: PointRules, *, by: Principal, at: datetime) -> None:
    """Replace the rules; what was earned before keeps its own."""
    book = RuleBook(work.connection)
    await book.lock()
    before = await book.rules()
    await book.put(rules)
    await work.audit_log.record(
        "point-rules.change",
        "point-rules",
        by=by,
        at=at,
        before=before,
        after=rules,
    )


def points_earned(
    member_id: UUID, earned: Transfer, source: Source, *, reason: str, at: datetime
) -> PointsEarned:
    """The points are the member's."""
    return PointsEarned(
        entry_id=earned.id,
        member_id=member_id,
        points=earned.points,
        reason=reason,
        source_id=source.id,
        earned_at=at,
    )
