"""From growth to level (MB-01, MB-02, L5)."""

import pytest

from services.member.levels.domain import Level, check_levels, level_of, next_level
from shared.http.problems import Invalid

NORMAL = Level("normal", "普通会员", 0, 10_000)
SILVER = Level("silver", "白银会员", 1_000, 9_800)
GOLD = Level("gold", "黄金会员", 5_000, 9_500)
DIAMOND = Level("diamond", "钻石会员", 20_000, 9_000)
LEVELS = [NORMAL, SILVER, GOLD, DIAMOND]


@pytest.mark.parametrize(
    ("growth", "level", "coming"),
    [
        (0, NORMAL, SILVER),
        (999, NORMAL, SILVER),
        (1_000, SILVER, GOLD),
        (19_999, GOLD, DIAMOND),
        (20_000, DIAMOND, None),
        (10**12, DIAMOND, None),
    ],
)
def test_a_level_begins_at_its_threshold(growth: int, level: Level, coming: Level | None) -> None:
    assert level_of(LEVELS, growth) == level
    assert next_level(LEVELS, growth) == coming


def test_the_usual_four_levels_and_a_single_one_are_allowed() -> None:
    check_levels(LEVELS)
    check_levels([NORMAL])


@pytest.mark.parametrize(
    "levels",
    [
        [],
        [*LEVELS, Level("black", "黑卡会员", 90_000, 8_500)],
        [SILVER],
        [NORMAL, GOLD, SILVER],
        [NORMAL, SILVER, Level("twin", "白银会员", 1_000, 9_700)],
        [NORMAL, Level("normal", "再一次", 1_000, 9_800)],
        [NORMAL, SILVER, Level("worse", "更贵", 5_000, 9_900)],
    ],
    ids=["none", "five", "starts above 0", "unsorted", "same threshold", "same code", "dearer"],
)
def test_levels_that_make_no_ladder_are_refused(levels: list[Level]) -> None:
    with pytest.raises(Invalid):
        check_levels(levels)
