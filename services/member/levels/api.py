"""A member's level, and the shop's levels for operators (MB-01)."""

from typing import Annotated

from pydantic import Field

from services.member.levels.domain import MOST_LEVELS, Level, Perk, PerkKind, level_of, next_level
from services.member.levels.storage import Growth, Levels
from services.member.levels.usecases import change_levels
from services.member.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.callers import AnyOperator, Editor, Member
from shared.http.work import Now, Work

router = service_router(tags=["levels"])


class PerkView(View):
    """One perk of a level."""

    kind: PerkKind
    text: str


class LevelView(View):
    """A level; `discount_bp` is what is still paid: 9500 pays 95 %."""

    code: str
    name: str
    threshold_growth: int
    discount_bp: int
    perks: list[PerkView]

    @classmethod
    def of(cls, level: Level) -> "LevelView":
        return cls.model_validate(level.document())


class MyLevelView(View):
    """Where a member stands, and what comes next."""

    growth: int
    level: LevelView
    next_level: LevelView | None
    growth_to_next_level: int | None
    levels: list[LevelView]


class LevelsView(View):
    """The shop's levels, lowest first."""

    levels: list[LevelView]


class PerkBody(Body):
    """One perk of a level."""

    kind: Annotated[PerkKind, Field(strict=False)]
    text: Text


class LevelBody(Body):
    """One level."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    name: Annotated[Text, Field(max_length=20)]
    threshold_growth: Annotated[int, Field(ge=0, le=10**12)]
    discount_bp: Annotated[int, Field(ge=1, le=10_000)]
    perks: Annotated[list[PerkBody], Field(max_length=20)]


class LevelsBody(Body):
    """All levels, lowest first."""

    levels: Annotated[list[LevelBody], Field(min_length=1, max_length=MOST_LEVELS)]


@router.get("/me/level")
async def my_level(caller: Member, resources: Own) -> MyLevelView:
    """The caller's level and growth."""
    async with reading(resources.engine) as connection:
        growth = await Growth(connection).of(caller.member_id)
        levels = await Levels(connection).all()
    coming = next_level(levels, growth)
    return MyLevelView(
        growth=growth,
        level=LevelView.of(level_of(levels, growth)),
        next_level=LevelView.of(coming) if coming else None,
        growth_to_next_level=coming.threshold_growth - growth if coming else None,
        levels=[LevelView.of(level) for level in levels],
    )


@router.get("/operator/member-levels")
async def show_levels(caller: AnyOperator, resources: Own) -> LevelsView:
    """The shop's levels."""
    async with reading(resources.engine) as connection:
        return LevelsView(levels=[LevelView.of(level) for level in await Levels(connection).all()])


@router.put("/operator/member-levels")
async def put_levels(body: LevelsBody, caller: Editor, work: Work, now: Now) -> LevelsView:
    """Replace the shop's levels."""
    levels = [
        Level(
            level.code,
            level.name,
            level.threshold_growth,
            level.discount_bp,
            tuple(Perk(perk.kind, perk.text) for perk in level.perks),
        )
        for level in body.levels
    ]
    await change_levels(work, levels, by=caller, at=now)
    return LevelsView(levels=[LevelView.of(level) for level in levels])
