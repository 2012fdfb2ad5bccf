"""What many ask at the same moment is asked in one statement: while one is under way, the next questions gather."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 100
"""So many questions are asked at once."""
CROWD = 5
GATHERING_SECONDS = 0.005
"""While so many come at once the next are waited for so long: a statement for five costs as much as one for fifty."""


class Together(Generic[K, V]):
    """Answers from ``ask``, which is given several keys, no two the same, and leaves out those it knows nothing of.

    Whoever comes first is asked for at once and alone; whoever comes meanwhile waits for the next call, and a key that comes
    twice for the one after. So an answer is never older than its question, and each question is asked once. In a crowd a
    moment passes between two calls, in which more come together.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._waiting: deque[tuple[K, asyncio.Future[V | None]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The answer for a key; raises what ``ask`` raised."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_for_all())
        return await answer

    async def _ask_for_all(self) -> None:
        while self._waiting:
            asked = self._next()
            try:
                found = await self._ask(list(asked))
            except Exception as error:
                for answer in asked.values():
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for key, answer in asked.items():
                    if not answer.done():
                        answer.set_result(found.get(key))
            if len(asked) >= CROWD and len(self._waiting) < MOST:
                await asyncio.sleep(GATHERING_SECONDS)

    def _next(self) -> dict[K, asyncio.Future[V | None]]:
        """The first questions, each key once; whoever has given up is passed over."""
        asked: dict[K, asyncio.Future[V | None]] = {}
        again: list[tuple[K, asyncio.Future[V | None]]] = []
        while self._waiting and len(asked) < MOST:
            key, answer = self._waiting.popleft()
            if answer.done():
                continue
            if key in asked:
                again.append((key, answer))
            else:
                asked[key] = answer
        self._waiting.extendleft(reversed(again))
        return asked
