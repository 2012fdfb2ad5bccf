"""Events inside one process: the outbox is the queue, and a pack is confirmed once every reaction has committed.

So a ``kill -9`` at any moment loses nothing: what no reaction has finished is still unsent in the outbox.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence

from shared.messaging.transport import Delivery, Handler, Pack

BATCH = 20


class LocalTransport:
    """Hands packs straight to the consumers of this process."""

    exclusive = True

    def __init__(self) -> None:
        self._queues: dict[str, asyncio.Queue[tuple[Delivery, asyncio.Future[bool]]]] = {}
        self._bindings: defaultdict[str, list[str]] = defaultdict(list)

    async def bind(self, queue: str, types: Collection[str]) -> None:
        if queue not in self._queues:
            self._queues[queue] = asyncio.Queue()
            for type_ in types:
                self._bindings[type_].append(queue)

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        return list(await asyncio.gather(*(self._hand_over(pack) for pack in packs)))

    async def _hand_over(self, pack: Pack) -> bool:
        queues = self._bindings.get(pack.type)
        if not queues:
            return False
        loop = asyncio.get_running_loop()
        delivery = Delivery(pack.type, pack.body, pack.redelivered)
        done: list[asyncio.Future[bool]] = []
        for queue in queues:
            future = loop.create_future()
            self._queues[queue].put_nowait((delivery, future))
            done.append(future)
        return all(await asyncio.gather(*done))

    async def consume(self, queue: str, handler: Handler) -> None:
        waiting = self._queues[queue]
        while True:
            batch = [await waiting.get()]
            while len(batch) < BATCH and not waiting.empty():
                batch.append(waiting.get_nowait())
            confirmed = False
            try:
                await handler([delivery for delivery, _ in batch])
                confirmed = True
            except Exception:
                await asyncio.sleep(0.1)
            finally:
                for _, future in batch:
                    if not future.done():
                        future.set_result(confirmed)

    async def close(self) -> None:
        for queue in self._queues.values():
            while not queue.empty():
                _, future = queue.get_nowait()
                if not future.done():
                    future.set_result(False)
