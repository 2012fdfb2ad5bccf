"""An app is ready once it is prepared; told to end, it loses no request of callers who keep connections (P16, SEC16)."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from shared.process import serving

SECONDS = 0.5


class Echo:
    """Answers after a moment, and counts."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.005)
        self.answered += 1
        await PlainTextResponse("here")(scope, receive, send)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_posts_over_kept_connections_are_all_answered_while_an_app_ends(
    http: aiohttp.ClientSession, listener: socket.socket
) -> None:
    echo, is_over = Echo(), asyncio.Event()
    outcomes: Counter[str] = Counter()
    last_words: Counter[str | None] = Counter()

    async def post_again_and_again() -> None:
        while not is_over.is_set():
            async with http.post(url_of(listener), data=b"order") as answer:
                outcomes[await answer.text()] += 1
                last_words[answer.headers.get("connection")] += 1

    async with serving(echo, "", 0, listener=listener, drain_seconds=SECONDS):
        callers = [asyncio.create_task(post_again_and_again()) for _ in range(8)]
        await asyncio.sleep(SECONDS / 2)
        assert set(last_words) == {None}
        asyncio.get_running_loop().call_later(SECONDS * 0.8, is_over.set)
    await asyncio.gather(*callers)
    assert outcomes == {"here": echo.answered}
    assert last_words["close"] > 8


async def test_an_app_that_ends_is_not_ready_and_still_answers(
    http: aiohttp.ClientSession, listener: socket.socket
) -> None:
    async def look(path: str) -> tuple[int, str | None]:
        async with http.get(url_of(listener) + path) as answer:
            return answer.status, answer.headers.get("connection")

    async def look_meanwhile() -> list[tuple[int, str | None]]:
        await asyncio.sleep(SECONDS / 2)
        return [await look("/health/ready"), await look("/anything")]

    async with serving(Echo(), "", 0, listener=listener, drain_seconds=SECONDS):
        assert await look("/health/ready") == (200, None)
        looking = asyncio.create_task(look_meanwhile())
    assert await looking == [(503, "close"), (200, "close")]


async def test_an_app_is_not_ready_before_it_is_prepared(
    http: aiohttp.ClientSession, listener: socket.socket
) -> None:
    prepared = asyncio.Event()

    async def look(path: str) -> int:
        async with http.get(url_of(listener) + path) as answer:
            return answer.status

    async with serving(Echo(), "", 0, listener=listener, prepared=prepared):
        assert [await look("/health/ready"), await look("/health/live")] == [503, 200]
        prepared.set()
        assert await look("/health/ready") == 200
