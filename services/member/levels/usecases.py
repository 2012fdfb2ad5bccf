"""Growth moves, and the level with it, at once (MB-01)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.member.levels.domain import Level, check_levels, level_of
from services.member.levels.storage import Growth, GrowthKind, GrowthMove, Levels
from shared.connection import Connection
from shared.database import UnitOfWork
from shared.events import LevelChanged
from shared.http.identity import Principal


async def shop_levels(connection: Connection) -> list[Level]:
    """The shop's levels, lowest first."""
    return await Levels(connection).all()


async def open_growth(work: UnitOfWork, member_id: UUID) -> None:
    """The growth of a new member: none."""
    await Growth(work.connection).open(member_id)


async def earn_growth(
    work: UnitOfWork, moves: Sequence[GrowthMove], *, source_type: str, at: datetime
) -> list[LevelChanged | None]:
    """Add growth for what members did; answers with what is to be announced of each.

    Whoever moves growth has locked the members' points, so that nobody else moves it meanwhile.
    """
    return await _move(work, GrowthKind.EARN, moves, source_type=source_type, at=at)


async def take_back_growth(
    work: UnitOfWork, member_id: UUID, growth: int, *, source_type: str, source_id: str, at: datetime
) -> None:
    """Take growth back that a refund undoes; the level may fall, which is announced."""
    moves = [GrowthMove(member_id, -growth, source_id)] if growth else []
    changes = await _move(work, GrowthKind.TAKE_BACK, moves, source_type=source_type, at=at)
    await work.outbox.add(*filter(None, changes), at=at)


async def change_levels(work: UnitOfWork, levels: Sequence[Level], *, by: Principal, at: datetime) -> None:
    """Replace the shop's levels; members have the new ones at once. Raises Invalid."""
    check_levels(levels)
    stored = Levels(work.connection)
    await stored.lock()
    before = await stored.all()
    await stored.replace(levels)
    await work.audit_log.record(
        "member-levels.change",
        "member-levels",
        by=by,
        at=at,
        before=[level.document() for level in before],
        after=[level.document() for level in levels],
    )


async def _move(
    work: UnitOfWork, kind: GrowthKind, moves: Sequence[GrowthMove], *, source_type: str, at: datetime
) -> list[LevelChanged | None]:
    """Move growth, one move after another; the change of level that each brought."""
    if not moves:
        return []
    growth, levels = await Growth(work.connection).move(kind, moves, source_type=source_type, at=at)
    for move in moves:
        growth[move.member_id] -= move.growth
    changes = []
    for move in moves:
        changes.append(_level_changed(levels, move, growth[move.member_id], at=at))
        growth[move.member_id] += move.growth
    return changes


def _level_changed(
    levels: Sequence[Level], move: GrowthMove, before: int, *, at: datetime
) -> LevelChanged | None:
    old, new = level_of(levels, before), level_of(levels, before + move.growth)
    if old == new:
        return None
    return LevelChanged(
        member_id=move.member_id,
        from_level=old.code,
        to_level=new.code,
        growth=before + move.growth,
        changed_at=at,
    )
