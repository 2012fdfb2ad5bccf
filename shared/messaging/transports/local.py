"""Events inside one process: the outbox is the queue, and a pack is confirmed once every reaction has committed.

So a ``kill -9`` at any moment loses nothing: what no reaction has finished is still unsent in the outbox.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence

from shared.finishing import STOP_SECONDS, finish
from shared.messaging.transport import Delivery, Handler, Pack

log = logging.getLogger(__name__)

BATCH = 20

_Handed = tuple[Delivery, "asyncio.Future[bool]"]


class LocalTransport:
    """Hands packs straight to the consumers of this process."""

    exclusive = True

    def __init__(self) -> None:
        self._queues: dict[str, asyncio.Queue[_Handed]] = {}
        self._bindings: defaultdict[str, list[str]] = defaultdict(list)
        self._stopped: set[str] = set()

    async def bind(self, queue: str, types: Collection[str]) -> None:
        if queue not in self._queues:
            self._queues[queue] = asyncio.Queue()
            for type_ in types:
                self._bindings[type_].append(queue)

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        return list(await asyncio.gather(*(self._hand_over(pack) for pack in packs)))

    async def _hand_over(self, pack: Pack) -> bool:
        queues = self._bindings.get(pack.type, [])
        if not queues or not self._stopped.isdisjoint(queues):
            return False
        delivery = Delivery(pack.type, pack.body, pack.redelivered)
        taken: list[asyncio.Future[bool]] = []
        for queue in queues:
            future = asyncio.get_running_loop().create_future()
            self._queues[queue].put_nowait((delivery, future))
            taken.append(future)
        return all(await asyncio.gather(*taken))

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        waiting = self._queues[queue]
        self._stopped.discard(queue)
        try:
            while True:
                batch = [await waiting.get()]
                while len(batch) < BATCH and not waiting.empty():
                    batch.append(waiting.get_nowait())
                await finish(self._handle(queue, batch, handler), seconds=STOP_SECONDS)
        finally:
            self._stopped.add(queue)
            _refuse(waiting)

    async def _handle(self, queue: str, batch: Sequence[_Handed], handler: Handler) -> None:
        try:
            await handler([delivery for delivery, _ in batch])
            for _, taken in batch:
                _answer(taken, True)
        except Exception:
            log.exception("reaction failed", extra={"queue": queue})
        finally:
            for _, taken in batch:
                _answer(taken, False)

    async def close(self) -> None:
        for queue in self._queues.values():
            _refuse(queue)


def _refuse(waiting: "asyncio.Queue[_Handed]") -> None:
    while not waiting.empty():
        _, taken = waiting.get_nowait()
        _answer(taken, False)


def _answer(taken: "asyncio.Future[bool]", is_taken: bool) -> None:
    if not taken.done():
        taken.set_result(is_taken)
