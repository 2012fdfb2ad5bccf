"""The port between relay, consumers and whatever carries events between them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class TransportUnavailable(Exception):
    """The carrier cannot be reached now; nothing was lost, try again."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Up to 50 events of one type in one message: a JSON array of CloudEvents, at most 64 KB."""

    type: str
    body: bytes
    event_ids: tuple[UUID, ...]
    redelivered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One message as a consumer gets it.

    ``redelivered`` when an earlier try may have failed (K6); ``is_dead`` when the carrier itself gave it up.
    """

    type: str
    body: bytes
    redelivered: bool
    is_dead: bool = False


Handler = Callable[[Sequence[Delivery]], Awaitable[None]]
"""Handles a batch; once it returns, all are acknowledged. An exception means that none is, and all come again."""


class Transport(Protocol):
    """Carries packs to every queue bound to their type; at least once, in no promised order."""

    exclusive: bool
    """Whether no other process relays the same outbox, so that claims of a dead predecessor may be taken at once."""

    async def bind(self, queue: str, types: Collection[str]) -> None:
        """Declare a reaction's durable queue and the event types it wants."""
        ...

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        """Hand packs over; True for each that is durably in every bound queue's keeping (K4)."""
        ...

    async def consume(self, queue: str, handler: Handler, *, linger_seconds: float = 0.0) -> None:
        """Feed batches of a bound queue to a handler until cancelled; a batch may wait so long to become larger."""
        ...

    async def close(self) -> None:
        """Let go of connections; unacknowledged deliveries come again elsewhere."""
        ...
