"""Takes batches from a queue, applies each event once, and lets no bad one hold up its neighbours (K2, K5–K7, P11)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from opentelemetry.trace import SpanKind
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock
from shared.database import UnitOfWork, is_away, is_disk_full, reading, transact
from shared.events.base import Envelope
from shared.messaging.decoding import Item, decode, understand
from shared.messaging.reactions import Reaction, TooEarly
from shared.messaging.stalled import StalledEvents
from shared.messaging.transport import Delivery
from shared.telemetry import door_span

log = logging.getLogger(__name__)

HANDLER_SECONDS = 30.0
OUTAGE_PAUSE_SECONDS = 1.0
OUTAGES_A_TRY = 5
GIVEN_UP = "the broker delivered it too often and gave it up"

T = TypeVar("T")


class TooSlow(Exception):
    """A reaction did not finish before its deadline (K5)."""


class Consumer:
    """Applies one reaction to what its queue delivers."""

    def __init__(self, reaction: Reaction, engine: AsyncEngine, clock: Clock) -> None:
        self._reaction = reaction
        self._engine = engine
        self._clock = clock

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Apply a batch of deliveries, and park what cannot be understood or what the carrier gave up on.

        While the database is away the batch is held and nothing is counted against it.
        """
        at = self._clock.now()
        together: list[Item] = []
        again: list[Item] = []
        for delivery in deliveries:
            items = decode(self._reaction, delivery, at=at)
            if delivery.is_dead:
                items = [replace(item, received=None, reason=item.reason or GIVEN_UP) for item in items]
            (again if delivery.redelivered else together).extend(items)
        often = await self._often_redelivered([item for item in again if item.received is not None])
        for item in together + again:
            if item.received is None:
                await self._park(item)
        together += [item for item in again if item.envelope.id not in often]
        await self._apply_together([item for item in together if item.received is not None])
        for item in again:
            if item.envelope.id in often and await self._may_be_tried(item):
                await self._apply_alone(item)

    async def retry(self, envelope: Envelope) -> None:
        """Try a stalled event once more, by itself."""
        item = understand(self._reaction, envelope, at=self._clock.now())
        if item.received is None:
            await self._park(item)
        else:
            await self._apply_alone(item)

    async def _apply_together(self, items: Sequence[Item]) -> None:
        if not items:
            return
        try:
            await self._apply(items)
        except Exception as error:
            if len(items) == 1:
                await self._stall(items[0], error)
            else:
                log.info("batch failed", extra={"reaction": self._reaction.name, "error": repr(error)[:300]})
                for item in items:
                    await self._apply_alone(item)

    async def _apply_alone(self, item: Item) -> None:
        try:
            await self._apply([item])
        except Exception as error:
            await self._stall(item, error)

    async def _apply(self, items: Sequence[Item]) -> None:
        """One transaction: claim and do."""

        async def do(work: UnitOfWork) -> None:
            claimed = await work.inbox.claim(self._reaction.name, [item.envelope.id for item in items])
            fresh = {item.envelope.id: item.received for item in items if item.envelope.id in claimed}
            if fresh:
                await self._reaction.handle(work, [each for each in fresh.values() if each is not None])

        with door_span(self._reaction.name, _trace_of(items), SpanKind.CONSUMER):
            await self._through_outages(do)

    async def _stall(self, item: Item, error: Exception) -> None:
        state = await self._through_outages(
            lambda work: StalledEvents(work.connection).fail(self._reaction.name, item.envelope, error)
        )
        log.log(
            logging.ERROR if state == "parked" else logging.WARNING,
            "event stalled",
            exc_info=None if isinstance(error, TooEarly) else error,
            extra=self._about(item) | {"state": state, "reason": repr(error)[:300]},
        )

    async def _park(self, item: Item) -> None:
        await self._through_outages(
            lambda work: StalledEvents(work.connection).park(self._reaction.name, item.envelope, item.reason)
        )
        log.error("event parked", extra=self._about(item) | {"reason": item.reason[:300]})

    async def _often_redelivered(self, items: Sequence[Item]) -> set[UUID]:
        """Count redelivered events before they are handled; those that came back before are to be handled alone (K6)."""
        if not items:
            return set()
        return await self._through_outages(
            lambda work: StalledEvents(work.connection).suspect(
                self._reaction.name, [item.envelope for item in items]
            )
        )

    async def _may_be_tried(self, item: Item) -> bool:
        """Count one more try of an event that may be the one that kills the process; False once it is parked."""
        return await self._through_outages(
            lambda work: StalledEvents(work.connection).suspect_alone(self._reaction.name, item.envelope)
        )

    async def _through_outages(self, do: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """One transaction; an unreachable database, or one whose disk is full, is nobody's fault, so it is waited for.

        Work that breaks its connection again and again, while others are served, is at fault after all.
        """
        outages = 0
        while True:
            try:
                return await self._in_time(do)
            except Exception as error:
                outages += not is_disk_full(error)
                if not is_away(error) or outages > OUTAGES_A_TRY:
                    raise
                log.warning(
                    "database away", extra={"reaction": self._reaction.name, "error": repr(error)[:300]}
                )
            await self._until_it_answers()

    async def _in_time(self, do: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(HANDLER_SECONDS) as deadline:
                return await transact(self._engine, do)
        except TimeoutError as error:
            if deadline.expired():
                raise TooSlow(f"not done within {HANDLER_SECONDS:g} s") from error
            raise

    async def _until_it_answers(self) -> None:
        while True:
            await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
            try:
                async with asyncio.timeout(HANDLER_SECONDS), reading(self._engine) as connection:
                    await connection.execute(text("SELECT 1"))
                return
            except Exception as error:
                log.warning(
                    "database away", extra={"reaction": self._reaction.name, "error": repr(error)[:300]}
                )

    def _about(self, item: Item) -> dict[str, str]:
        return {
            "reaction": self._reaction.name,
            "event_id": str(item.envelope.id),
            "type": item.envelope.type,
        }


def _trace_of(items: Sequence[Item]) -> str | None:
    """The trace that a batch continues: the first sampled one, if there is one."""
    traces = [item.envelope.traceparent for item in items]
    return next((trace for trace in traces if trace and trace.endswith("-01")), traces[0])
