"""Growth moves, and the level with it, at once (MB-01)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.member.levels.domain import Level, check_levels, level_of
from services.member.levels.storage import Growth, GrowthKind, Levels
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
    work: UnitOfWork, member_id: UUID, growth: int, *, source_type: str, source_id: str, at: datetime
) -> None:
    """Add growth for something the member did."""
    await _move(work, member_id, growth, GrowthKind.EARN, source_type, source_id, at)


async def take_back_growth(
    work: UnitOfWork, member_id: UUID, growth: int, *, source_type: str, source_id: str, at: datetime
) -> None:
    """Take growth back that a refund undoes; the level may fall."""
    await _move(work, member_id, -growth, GrowthKind.TAKE_BACK, source_type, source_id, at)


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
    work: UnitOfWork,
    member_id: UUID,
    growth: int,
    kind: GrowthKind,
    source_type: str,
    source_id: str,
    at: datetime,
) -> None:
    if growth == 0:
        return
    after = await Growth(work.connection).move(
        member_id, growth, kind, source_type=source_type, source_id=source_id, at=at
    )
    levels = await Levels(work.connection).all()
    old, new = level_of(levels, after - growth), level_of(levels, after)
    if old != new:
        changed = LevelChanged(
            member_id=member_id, from_level=old.code, to_level=new.code, growth=after, changed_at=at
        )
        await work.outbox.add(changed, at=at)
