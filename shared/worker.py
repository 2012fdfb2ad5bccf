"""The process beside a service's app: outbox relay, consumers, retries, timers, and a watch over all of them (K18)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from shared.database import begin
from shared.messaging.consumer import Consumer
from shared.messaging.reactions import Reaction, Reactions
from shared.messaging.relay import Relay
from shared.messaging.stalled import StalledEvents
from shared.messaging.transport import Transport
from shared.resources import Resources
from shared.timers.loop import Run, TimerLoop, Timers

log = logging.getLogger(__name__)

RETRY_POLL_SECONDS = 0.5
RESTART_SECONDS = 1.0

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
        loops: Sequence[Callable[[], Awaitable[None]]] = (),
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
        self._loops = loops

    async def bind(self) -> None:
        """Declare this service's queues; done for all services before any relay starts, so that nothing is unroutable."""
        for reaction in self.reactions:
            await self._transport.bind(reaction.name, [type_.type for type_ in reaction.types])

    async def run(self) -> None:
        """Work until cancelled; a part that fails is started again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_kept_running("relay", self._relay.run))
            tasks.create_task(_kept_running("timers", self.timer_loop.run))
            tasks.create_task(_kept_running("retries", self._retry_stalled))
            for reaction in self.reactions:
                tasks.create_task(_kept_running(reaction.name, self._consuming(reaction)))
            for loop in self._loops:
                tasks.create_task(_kept_running(getattr(loop, "__name__", "loop"), loop))

    def _consuming(self, reaction: Reaction) -> Callable[[], Awaitable[None]]:
        async def consume() -> None:
            await self._transport.bind(reaction.name, [type_.type for type_ in reaction.types])
            await self._transport.consume(reaction.name, self._consumers[reaction.name].handle)

        return consume

    async def retry_due(self) -> int:
        """Try the stalled events whose next attempt is due; returns how many there were."""
        async with begin(self.resources.engine) as work:
            due = await StalledEvents(work.connection).due()
        for name, envelope in due:
            if (consumer := self._consumers.get(name)) is not None:
                await consumer.retry(envelope)
        return len(due)

    async def _retry_stalled(self) -> None:
        while True:
            try:
                await self.retry_due()
            except (SQLAlchemyError, OSError) as error:
                log.warning("stalled events unreachable", extra={"error": str(error)})
            await asyncio.sleep(RETRY_POLL_SECONDS)


async def _kept_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception:
            log.exception("part of the worker failed and is started again", extra={"part": name})
        await asyncio.sleep(RESTART_SECONDS)
