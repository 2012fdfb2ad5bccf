"""What changes seldom is read once a second, and at once after a change."""

import asyncio

import pytest

from shared import remembered
from shared.remembered import Remembered


class Book:
    """Where the value stands."""

    def __init__(self) -> None:
        self.value = 1
        self.readings = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self) -> int:
        self.readings += 1
        found = self.value
        await self.may_answer.wait()
        return found


async def test_it_is_read_once_and_again_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    value = Remembered(book.read)
    assert [await value.get() for _ in range(3)] == [1, 1, 1]
    assert book.readings == 1
    book.value = 2
    assert await value.get() == 1
    monkeypatch.setattr(remembered, "REMEMBERED_SECONDS", 0.0)
    assert await value.get() == 2


async def test_a_change_is_seen_at_once_also_by_who_reads_after_one_who_read_before_it() -> None:
    book = Book()
    value = Remembered(book.read)
    book.may_answer.clear()
    early = asyncio.create_task(value.get())
    await asyncio.sleep(0)
    book.value = 2
    value.forget()
    book.may_answer.set()
    assert await early == 1
    assert await value.get() == 2


async def test_what_cannot_be_read_is_not_remembered() -> None:
    tries = 0

    async def read() -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("away")
        return tries

    value = Remembered(read)
    with pytest.raises(OSError, match="away"):
        await value.get()
    assert await value.get() == 2
