"""The process beside a service's app: outbox relay, consumers, retries, timers, pruning, and a watch over all (K18)."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from shared.backlog import Gauges, backlog
from shared.database import committing_each, reading
from shared.finishing import STOP_SECONDS, finish
from shared.messaging.consumer import Consumer
from shared.messaging.reactions import Reaction, Reactions
from shared.messaging.relay import Relay
from shared.messaging.stalled import StalledEvents
from shared.messaging.transport import Transport, TransportUnavailable
from shared.pruning import OldRows, Pruner
from shared.resources import Resources
from shared.timers.loop import Run, TimerLoop, Timers

log = logging.getLogger(__name__)

RETRY_POLL_SECONDS = 1.0
BACKLOG_SECONDS = 15.0
RESTART_SECONDS = 1.0
APART_SECONDS = 0.05
"""Parts that begin together would each open a connection to the database, which the pool then keeps."""

R = TypeVar("R", bound=Resources)


class Worker:
    """Everything of one service that happens without a request."""

    def __init__(
        self,
        resources: R,
        transport: Transport,
        *,
        reactions: Sequence[Reactions] = (),
        timers: Sequence[Timers[R]] = (),
        loops: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        forgets: Sequence[OldRows] = (),
    ) -> None:
        self.resources = resources
        self._transport = transport
        self.reactions: list[Reaction] = [reaction for group in reactions for reaction in group.all]
        self._consumers = {
            reaction.name: Consumer(reaction, resources.engine, resources.clock)
            for reaction in self.reactions
        }
        kinds: dict[str, Run[R]] = {kind: run for group in timers for kind, run in group.all.items()}
        self.timer_loop: TimerLoop[Any] = TimerLoop(resources.engine, resources.clock, resources, kinds)
        self._relay = Relay(resources.engine, transport)
        self.pruner = Pruner(resources.engine, list(self._consumers), resources.kept, forgets)
        self._loops = loops or {}

    async def bind(self) -> None:
        """Declare this service's queues; done for all services before any relay starts, so that nothing is unroutable."""
        for reaction in self.reactions:
            await self._transport.bind(reaction.name, [type_.type for type_ in reaction.types])

    async def run(self) -> None:
        """Work until cancelled; a part that fails is started again."""
        async with asyncio.TaskGroup() as tasks:
            for name, part in self._parts().items():
                tasks.create_task(kept_running(name, part))
                await asyncio.sleep(APART_SECONDS)

    def _parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "relay": self._relay.run,
            **{reaction.name: self._consuming(reaction) for reaction in self.reactions},
            "timers": self.timer_loop.run,
            "retries": self._retry_stalled,
            "backlog": self._show_backlog,
            "pruning": self.pruner.run,
            **self._loops,
        }

    def _consuming(self, reaction: Reaction) -> Callable[[], Awaitable[None]]:
        async def consume() -> None:
            await self._transport.bind(reaction.name, [type_.type for type_ in reaction.types])
            await self._transport.consume(
                reaction.name,
                self._consumers[reaction.name].handle,
                linger_seconds=reaction.linger_seconds,
            )

        return consume

    async def retry_due(self) -> int:
        """Try the stalled events that are due, one after another; returns how many there were."""
        tried = 0
        while await self._retry_one():
            tried += 1
        return tried

    async def _retry_one(self) -> bool:
        async with committing_each(self.resources.engine) as connection:
            due = await StalledEvents(connection).due(list(self._consumers))
        if due is None:
            return False
        reaction, envelope = due
        await self._consumers[reaction].retry(envelope)
        return True

    async def _retry_stalled(self) -> None:
        while True:
            try:
                while await finish(self._retry_one(), seconds=STOP_SECONDS):
                    pass
            except (SQLAlchemyError, OSError) as error:
                log.warning("stalled events unreachable", extra={"error": repr(error)[:300]})
            await asyncio.sleep(RETRY_POLL_SECONDS)

    async def _show_backlog(self) -> None:
        gauges = Gauges(self.resources.name)
        while True:
            try:
                async with reading(self.resources.engine) as connection:
                    gauges.show(await backlog(connection, at=self.resources.clock.now()))
            except (SQLAlchemyError, OSError) as error:
                log.warning("backlog unknown", extra={"error": repr(error)[:300]})
            await asyncio.sleep(BACKLOG_SECONDS)


async def kept_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run one part of a process until cancelled; however it ends otherwise, it is started again (K18)."""
    while True:
        try:
            await run()
            log.error("part of the worker ended and is started again", extra={"part": name})
        except TransportUnavailable as error:
            log.warning("transport unavailable", extra={"part": name, "error": str(error)[:300]})
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            log.exception("part of the worker was cut short and is started again", extra={"part": name})
        except Exception:
            if _is_cancelled():
                raise
            log.exception("part of the worker failed and is started again", extra={"part": name})
        await asyncio.sleep(random.uniform(0.5, 1.5) * RESTART_SECONDS)


def _is_cancelled() -> bool:
    """Whether this task itself was told to stop, rather than something it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
