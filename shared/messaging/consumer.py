"""Takes batches from a queue, applies each event once, and lets no bad one hold up its neighbours (K2, K5–K7, P11)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from opentelemetry.trace import SpanKind
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock
from shared.database import begin
from shared.events.base import EVENT_TYPES, Envelope
from shared.messaging.reactions import Reaction, Received
from shared.messaging.stalled import StalledEvents
from shared.messaging.transport import Delivery
from shared.telemetry import door_span

log = logging.getLogger(__name__)

HANDLER_SECONDS = 30

_ENVELOPES = TypeAdapter(list[Envelope])


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way through a consumer; ``received`` is None when it cannot be understood."""

    envelope: Envelope
    received: Received[Any] | None
    reason: str = ""


class Consumer:
    """Applies one reaction to what its queue delivers."""

    def __init__(self, reaction: Reaction, engine: AsyncEngine, clock: Clock) -> None:
        self._reaction = reaction
        self._engine = engine
        self._clock = clock

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Handle a batch of deliveries; returns the malformed ones. Raises when the database is away."""
        rejected: list[Delivery] = []
        together: list[Item] = []
        alone: list[Item] = []
        for delivery in deliveries:
            try:
                items = self._decode(delivery)
            except (ValidationError, orjson.JSONDecodeError, RecursionError) as error:
                log.error(
                    "malformed message", extra={"queue": self._reaction.name, "error": str(error)[:300]}
                )
                rejected.append(delivery)
                continue
            if delivery.redelivered:
                often = await self._often_redelivered(items)
                alone += [item for item in items if item.envelope.id in often]
                items = [item for item in items if item.envelope.id not in often]
            together += items
        understood = [item for item in together if item.received is not None]
        not_understood = [item for item in together + alone if item.received is None]
        try:
            await self._apply(understood)
        except Exception as error:
            _raise_if_outage(error)
            for item in understood:
                await self._apply_alone(item)
        for item in alone:
            if item.received is not None and await self._may_be_tried(item):
                await self._apply_alone(item)
        for item in not_understood:
            await self._park(item, item.reason)
        return rejected

    async def retry(self, envelope: Envelope) -> None:
        """Try a stalled event once more, by itself."""
        item = self._understand(envelope)
        if item.received is None:
            await self._park(item, item.reason)
        else:
            await self._apply_alone(item)

    async def _apply(self, items: Sequence[Item]) -> None:
        """One transaction: claim, do, forget earlier stalls."""
        if not items:
            return
        parent = items[0].envelope.traceparent
        with door_span(self._reaction.name, parent, SpanKind.CONSUMER):
            async with asyncio.timeout(HANDLER_SECONDS), begin(self._engine) as work:
                claimed = await work.inbox.claim(self._reaction.name, [item.envelope.id for item in items])
                fresh = [item.received for item in items if item.envelope.id in claimed and item.received]
                if fresh:
                    await self._reaction.handle(work, _once_each(fresh))
                await StalledEvents(work.connection).forget(
                    self._reaction.name, [item.envelope.id for item in items]
                )

    async def _apply_alone(self, item: Item) -> None:
        try:
            await self._apply([item])
        except Exception as error:
            _raise_if_outage(error)
            async with begin(self._engine) as work:
                state = await StalledEvents(work.connection).fail(self._reaction.name, item.envelope, error)
            log.warning(
                "event stalled",
                extra={
                    "reaction": self._reaction.name,
                    "event_id": str(item.envelope.id),
                    "state": state,
                    "error": repr(error)[:300],
                },
            )

    async def _often_redelivered(self, items: Sequence[Item]) -> set[UUID]:
        """Count redelivered events before they are handled; those that came back before are to be handled alone (K6)."""
        async with begin(self._engine) as work:
            stalled = StalledEvents(work.connection)
            return await stalled.suspect(self._reaction.name, [item.envelope for item in items])

    async def _may_be_tried(self, item: Item) -> bool:
        """Count one more try of an event that may be the one that kills the process; False once it is parked."""
        async with begin(self._engine) as work:
            return await StalledEvents(work.connection).suspect_alone(self._reaction.name, item.envelope)

    async def _park(self, item: Item, reason: str) -> None:
        async with begin(self._engine) as work:
            await StalledEvents(work.connection).park(self._reaction.name, item.envelope, reason)
        log.error(
            "event parked",
            extra={
                "reaction": self._reaction.name,
                "event_id": str(item.envelope.id),
                "reason": reason[:300],
            },
        )

    def _decode(self, delivery: Delivery) -> list[Item]:
        return [
            self._understand(envelope) for envelope in _ENVELOPES.validate_python(orjson.loads(delivery.body))
        ]

    def _understand(self, envelope: Envelope) -> Item:
        kind = EVENT_TYPES.get(envelope.type)
        if kind is None or kind not in self._reaction.types:
            return Item(envelope, None, f"unknown event type {envelope.type}")
        try:
            event = kind.model_validate(envelope.data)
        except ValidationError as error:
            return Item(envelope, None, str(error))
        return Item(envelope, Received(envelope.id, event, envelope.time, self._clock.now()))


def _once_each(received: Sequence[Received[Any]]) -> list[Received[Any]]:
    return list({each.id: each for each in received}.values())


def _raise_if_outage(error: Exception) -> None:
    """An unreachable database is nobody's fault: the delivery comes again without being counted."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | ConnectionError):
        raise error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        raise error
