"""What many ask at once is asked together: nobody waits for more than two calls, and each question is asked once."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.together import CROWD, MOST, Together


class Library:
    """Knows the double of every number but 13, and takes a moment."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.error: Exception | None = None

    async def look_up(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(list(keys))
        await asyncio.sleep(0.001)
        if self.error is not None:
            raise self.error
        return {key: 2 * key for key in keys if key != 13}


async def test_one_question_is_asked_at_once_and_those_that_come_meanwhile_together() -> None:
    library = Library()
    together = Together(library.look_up)
    first = asyncio.create_task(together.get(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert library.asked == [[0]]
    others = await asyncio.gather(*(together.get(number) for number in range(1, 20)))
    assert (await first, others) == (0, [*range(2, 26, 2), None, *range(28, 40, 2)])
    assert library.asked == [[0], [*range(1, 20)]]
    assert await together.get(3) == 6
    assert library.asked[2:] == [[3]]


async def test_a_key_that_comes_twice_is_asked_twice_one_after_the_other() -> None:
    library = Library()
    together = Together(library.look_up)
    assert await asyncio.gather(*(together.get(key) for key in (1, 2, 1, 3, 1))) == [2, 4, 2, 6, 2]
    assert library.asked == [[1, 2, 3], [1], [1]]


async def test_only_so_many_are_asked_at_once() -> None:
    library = Library()
    together = Together(library.look_up)
    await asyncio.gather(*(together.get(number) for number in range(2 * MOST)))
    assert list(map(len, library.asked)) == [MOST, MOST]


async def test_all_hear_what_went_wrong_and_the_next_are_asked_for() -> None:
    library = Library()
    together = Together(library.look_up)
    library.error = ConnectionError("away")
    told = await asyncio.gather(together.get(1), together.get(2), return_exceptions=True)
    assert list(told) == [library.error] * 2
    library.error = None
    assert await together.get(1) == 2


async def test_whoever_gives_up_spoils_nothing() -> None:
    library = Library()
    together = Together(library.look_up)
    impatient, patient, late = (asyncio.create_task(together.get(number)) for number in (1, 2, 3))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient, await late) == (4, 6)
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_in_a_crowd_those_who_come_within_a_moment_are_asked_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.together.GATHERING_SECONDS", 0.2)
    library = Library()
    together = Together(library.look_up)
    await asyncio.gather(*(together.get(number) for number in range(CROWD)))
    early = asyncio.create_task(together.get(20))
    await asyncio.sleep(0.01)
    assert library.asked == [[*range(CROWD)]]
    assert await together.get(30) == 60
    assert await early == 40
    assert library.asked == [[*range(CROWD)], [20, 30]]
    assert await together.get(40) == 80
    await asyncio.wait_for(together.get(50), 0.1)  # two are no crowd: nobody is waited for
