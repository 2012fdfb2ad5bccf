"""Calls with a journal: asked and answered are durable, what stays unknown is repeated with the same key (P2)."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from chaos.journal import Journal
from chaos.outages import Outages

CALL_SECONDS = 15.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, PAUSE_FACTOR = 0.2, 2.0, 1.5
IN_PROGRESS = "/problems/idempotency-in-progress"
CHECKOUT = "place-order"
AT_ONCE = 3
"""How many times a call is sent when it is sent several times at the same moment (P2)."""


class RunOver(Exception):
    """The run ended before the shop answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def is_done(self) -> bool:
        """Whether the call did what it was to do."""
        return 200 <= self.status < 300

    @property
    def is_word(self) -> bool:
        """Whether this settles the call; otherwise it may or may not have had its effect."""
        return self.status < 500 and not self.is_in_progress

    @property
    def is_in_progress(self) -> bool:
        """Whether the shop is still at work on the same key."""
        return isinstance(self.body, dict) and self.body.get("type") == IN_PROGRESS


@dataclass(slots=True)
class Tally:
    """What the harness counts while it calls."""

    in_flight: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    unknown_by_service: Counter[str] = field(default_factory=Counter)
    at_once: Counter[str] = field(default_factory=Counter)
    in_progress: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    checkouts: list[tuple[float, float, str]] = field(default_factory=list)
    """First tries of placing an order: began, ended (monotonic), and what came instead of the shop's word."""


@dataclass(slots=True)
class Door:
    """How callers reach the shop and WeChat, and where that is written down."""

    http: aiohttp.ClientSession
    shop_url: str
    simulator_url: str
    journal: Journal
    outages: Outages
    tally: Tally = field(default_factory=Tally)
    is_over: bool = False

    async def send(
        self, method: str, url: str, body: Any = None, *, token: str | None = None, key: str | None = None
    ) -> Answer:
        """One attempt; raises aiohttp.ClientError, TimeoutError or ValueError without an answer."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if key is not None:
            headers["idempotency-key"] = key
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.read()
            return Answer(answer.status, await answer.json() if text else None)


Send = Callable[[], Awaitable[Answer]]


class Actor:
    """Somebody with a name in the journal; this share of their calls with a key is sent several times at once."""

    def __init__(self, door: Door, name: str, random: Random, *, at_once_share: float = 0.0) -> None:
        self.door = door
        self.name = name
        self.random = random
        self.at_once_share = at_once_share
        self._jitter = Random(name)  # apart, so that the dice fall the same however often a call is repeated
        self.token: str | None = None
        self._seq = 0

    async def do(
        self,
        call: str,
        request: Mapping[str, Any],
        send: Send,
        *,
        key: str | None = None,
        told: Callable[[Any], Any] = lambda body: body,
    ) -> Answer:
        """A journalled call, repeated until the shop gives its word; `told` picks what of the answer is written down.

        Raises RunOver.
        """
        if key is None or self.random.random() >= self.at_once_share:
            return await self._until_word(call, request, send, key=key, told=told)
        self.door.tally.at_once[call] += 1
        words = await asyncio.gather(
            *(self._until_word(call, request, send, key=key, told=told) for _ in range(AT_ONCE))
        )
        if (
            len({word.is_done for word in words}) > 1
        ):  # a refusal keeps nothing, but what was done is told for ever
            return await self._until_word(call, request, send, key=key, told=told)
        return words[0]

    async def _until_word(
        self,
        call: str,
        request: Mapping[str, Any],
        send: Send,
        *,
        key: str | None,
        told: Callable[[Any], Any],
    ) -> Answer:
        self._seq += 1
        seq, journal, tally = self._seq, self.door.journal, self.door.tally
        tries = 0
        while not self.door.is_over:
            await journal.ask(self.name, seq, call, key, request)
            answer, began = None, time.monotonic()
            tally.in_flight += 1
            try:
                answer = await send()
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass
            finally:
                tally.in_flight -= 1
            if call == CHECKOUT and not tries:
                tally.checkouts.append((began, time.monotonic(), _instead_of_word(answer)))
            tally.statuses[f"{call} {answer.status if answer else 'lost'}"] += 1
            if answer is not None and answer.is_word:
                await journal.answer(self.name, seq, call, key, status=answer.status, body=told(answer.body))
                return answer
            if answer is not None and answer.is_in_progress:
                tally.in_progress += 1
            else:
                tally.unknown[call] += 1
            if answer is None:
                await journal.unknown(self.name, seq, call, key)
            else:
                if isinstance(answer.body, dict) and "service" in answer.body:
                    tally.unknown_by_service[str(answer.body["service"])] += 1
                await journal.unknown(self.name, seq, call, key, status=answer.status, body=answer.body)
            await self._pause(tries)
            tries += 1
        raise RunOver(call)

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """A call that is not journalled, as it promises nothing; repeated until the shop gives its word."""
        tries = 0
        while not self.door.is_over:
            try:
                answer = await self.door.send(
                    method, self.door.shop_url + path, body, token=token or self.token
                )
                if answer.is_word:
                    return answer
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass
            await self._pause(tries)
            tries += 1
        raise RunOver(path)

    async def wechat(self, path: str, body: Any) -> Any:
        """Something at WeChat's own side, which answers in the end."""
        while not self.door.is_over:
            try:
                answer = await self.door.send("POST", f"{self.door.simulator_url}/_control{path}", body)
                if answer.is_done:
                    return answer.body
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass
            await self._pause(0)
        raise RunOver(path)

    async def _pause(self, tries: int) -> None:
        """A growing pause with jitter, as a good client makes."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * PAUSE_FACTOR**tries)
        await asyncio.sleep(self._jitter.uniform(pause / 2, pause))


def _instead_of_word(answer: Answer | None) -> str:
    """What came when the shop gave no word; empty when it did."""
    if answer is None:
        return "nothing"
    if answer.is_word or answer.is_in_progress:
        return ""
    problem = answer.body if isinstance(answer.body, dict) else {}
    return " ".join(
        str(each) for each in (answer.status, problem.get("type"), problem.get("service")) if each
    )
