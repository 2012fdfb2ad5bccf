"""Who looks for the same within a moment is given the same."""

import asyncio

import pytest

from services.catalog import fresh
from services.catalog.fresh import Fresh


class Shelf:
    """Tells how often somebody looked."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_broken = False

    async def look(self) -> int:
        await asyncio.sleep(0)
        self.looks += 1
        if self.is_broken:
            raise LookupError("nothing there")
        return self.looks


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(fresh, "FRESH_SECONDS", 30.0)
    return Shelf()


async def test_many_look_once(shelf: Shelf) -> None:
    found: Fresh[int] = Fresh()
    assert await asyncio.gather(*(found.get("tea", shelf.look) for _ in range(3))) == [
        (1, False),
        (1, True),
        (1, True),
    ]
    assert await found.get("tea", shelf.look) == (1, True)
    assert await found.get("rice", shelf.look) == (2, False)


async def test_what_is_old_is_looked_for_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Fresh[int] = Fresh()
    await found.get("tea", shelf.look)
    monkeypatch.setattr(fresh, "FRESH_SECONDS", 0.0)
    assert await found.get("tea", shelf.look) == (2, False)


async def test_a_failure_is_told_to_those_who_wait_and_forgotten(shelf: Shelf) -> None:
    found: Fresh[int] = Fresh()
    shelf.is_broken = True
    failed = await asyncio.gather(*(found.get("tea", shelf.look) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in failed] == [LookupError] * 2
    shelf.is_broken = False
    assert await found.get("tea", shelf.look) == (2, False)


async def test_who_gives_up_does_not_give_up_for_the_others(shelf: Shelf) -> None:
    found: Fresh[int] = Fresh()
    first, second = (asyncio.create_task(found.get("tea", shelf.look)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == (1, True)
    assert first.cancelled()


async def test_what_was_looked_for_longest_ago_makes_room(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "MOST_KEPT", 2)
    found: Fresh[int] = Fresh()
    for what in ("tea", "rice", "oil"):
        await found.get(what, shelf.look)
    assert [await found.get(what, shelf.look) for what in ("oil", "rice", "tea")] == [
        (3, True),
        (2, True),
        (4, False),
    ]
