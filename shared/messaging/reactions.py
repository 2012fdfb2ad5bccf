"""Declaring what a service does when something happened elsewhere: one function, one queue."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.database import UnitOfWork
from shared.events.base import Event
from shared.messaging.outbox import caused_by

E = TypeVar("E", bound=Event)


class TooEarly(Exception):
    """What this event builds on is not here yet: it waits and is tried again (K7)."""


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event as a reaction gets it: the fact, its id, when it happened, and the present instant."""

    id: UUID
    event: E
    occurred_at: datetime
    at: datetime


HandleOne = Callable[[UnitOfWork, Received[Any]], Awaitable[None]]
HandleMany = Callable[[UnitOfWork, Sequence[Received[Any]]], Awaitable[None]]
Forget = Callable[[UnitOfWork], Awaitable[None]]
"""Undoes all that a reaction ever did, so that it can be made again from the owners' events."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """One queue and what is done with its events; the name is ``service.verb-noun``.

    One that can ``forget`` keeps a projection: what others own, in the shape that this service needs. One that nobody waits
    for may linger for more events, so that a few transactions do for many.
    """

    name: str
    types: tuple[type[Event], ...]
    handle: HandleMany
    purpose: str
    forget: Forget | None = None
    linger_seconds: float = 0.0


class Reactions:
    """The reactions of one capability, declared by decorators."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.all: list[Reaction] = []

    def on(self, *types: type[Event]) -> Callable[[HandleOne], HandleOne]:
        """React to each event by itself; the queue is named after the function."""

        def declare(handle: HandleOne) -> HandleOne:
            name = self._name(handle)

            async def one_after_another(work: UnitOfWork, received: Sequence[Received[Any]]) -> None:
                for each in received:
                    with caused_by(name, each.id):
                        await handle(work, each)

            self._declare(types, one_after_another, handle)
            return handle

        return declare

    def on_batch(
        self, *types: type[Event], forget: Forget | None = None, linger_seconds: float = 0.0
    ) -> Callable[[HandleMany], HandleMany]:
        """React to many events in a fixed number of statements; ``forget`` makes it a projection.

        What it announces names its causes. Over a broker it waits up to ``linger_seconds`` for more events, where a moment
        later is as good.
        """

        def declare(handle: HandleMany) -> HandleMany:
            name = self._name(handle)

            async def all_together(work: UnitOfWork, received: Sequence[Received[Any]]) -> None:
                with caused_by(name):
                    await handle(work, received)

            self._declare(types, all_together, handle, forget, linger_seconds)
            return handle

        return declare

    def _name(self, named: Callable[..., Any]) -> str:
        return f"{self._service}.{named.__name__.replace('_', '-')}"

    def _declare(
        self,
        types: tuple[type[Event], ...],
        handle: HandleMany,
        named: Callable[..., Any],
        forget: Forget | None = None,
        linger_seconds: float = 0.0,
    ) -> None:
        name = self._name(named)
        purpose = (named.__doc__ or "").strip().split("\n")[0]
        self.all.append(Reaction(name, types, handle, purpose, forget, linger_seconds))
