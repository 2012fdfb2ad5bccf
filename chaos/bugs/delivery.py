"""Bugs of events: lost between two stools, or taken twice."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import text

from chaos.bugs.registry import bug
from services.member.order_rewards import storage as rewards
from shared.database import UnitOfWork, begin, committing_each
from shared.events.base import Event
from shared.messaging.inbox import Inbox
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay, _Row
from shared.messaging.transport import Handler
from shared.messaging.transports.local import LocalTransport, _Handed

_UNSENT = text(
    "UPDATE outbox SET sent_at = now() WHERE id IN (SELECT id FROM outbox WHERE sent_at IS NULL"
    " ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED) RETURNING id, event_id, type, envelope, attempts"
)
_NEWER = text(
    "SELECT id, event_id, type, envelope, attempts FROM outbox"
    " WHERE id > coalesce(CAST(:last AS bigint), (SELECT coalesce(max(id), 0) FROM outbox WHERE sent_at IS NOT NULL))"
    " ORDER BY id LIMIT 500"
)


_OPENED_AGAIN = text(
    rewards._OPEN.text.replace("DO NOTHING", "DO UPDATE SET settled_at = excluded.settled_at")
)
"""Nobody looks whether the order was rewarded before."""


@bug(bites_in="delivered_twice", caught_by="points-add-up")
@contextmanager
def no_inbox() -> Iterator[None]:
    """Every delivery is new; rewards have no guard of their own either, as most reactions here have."""

    async def claim(self: Inbox, reaction: str, event_ids: Sequence[UUID]) -> set[UUID]:
        return set(event_ids)

    with patch.object(Inbox, "claim", claim), patch.object(rewards, "_OPEN", _OPENED_AGAIN):
        yield


@bug(bites_in="announced_again", caught_by="growth-adds-up")
@contextmanager
def rewards_without_a_unique_source() -> Iterator[None]:
    """An order is rewarded whenever it is said to be paid."""
    with patch.object(rewards, "_OPEN", _OPENED_AGAIN):
        yield


@bug(bites_in="a_reaction_dies", caught_by="points-add-up")
@contextmanager
def acknowledged_before_the_commit() -> Iterator[None]:
    """Deliveries are acknowledged as they come, and handled afterwards."""
    handle = LocalTransport._handle

    async def acknowledge(
        self: LocalTransport, queue: str, batch: Sequence[_Handed], handler: Handler
    ) -> None:
        for _, taken in batch:
            taken.set_result(True)
        await handle(self, queue, batch, handler)

    with patch.object(LocalTransport, "_handle", acknowledge):
        yield


@bug(bites_in="a_publish_is_lost", caught_by="stock-is-what-was-sold")
@contextmanager
def marked_sent_before_the_confirm() -> Iterator[None]:
    """The relay marks events as sent when it takes them up."""

    async def claim(self: Relay) -> list[_Row]:
        async with committing_each(self._engine) as connection:
            return sorted((_Row(*row) for row in await connection.execute(_UNSENT)), key=lambda row: row.id)

    with patch.object(Relay, "_claim", claim):
        yield


@bug(bites_in="a_late_commit", caught_by="stock-is-what-was-sold")
@contextmanager
def relayed_by_the_last_id() -> Iterator[None]:
    """The relay remembers the last id that it sent and goes on from there (K3)."""
    last: WeakKeyDictionary[Relay, int] = WeakKeyDictionary()

    async def claim(self: Relay) -> list[_Row]:
        async with committing_each(self._engine) as connection:
            rows = [_Row(*row) for row in await connection.execute(_NEWER, {"last": last.get(self)})]
        if rows:
            last[self] = rows[-1].id
        return rows

    with patch.object(Relay, "_claim", claim):
        yield


@bug(bites_in="a_process_dies_after_its_commit", caught_by="stock-is-what-was-sold")
@contextmanager
def announced_after_the_commit() -> Iterator[None]:
    """Dual write: what happened is written in one transaction, and that it happened in the next."""
    add, committed = Outbox.add, UnitOfWork.committed
    waiting: WeakKeyDictionary[Outbox, list[tuple[tuple[Event, ...], datetime]]] = WeakKeyDictionary()
    writing: set[asyncio.Task[None]] = set()

    async def remember(self: Outbox, *events: Event, at: datetime, **_: object) -> list[UUID]:
        waiting.setdefault(self, []).append((events, at))
        return []

    async def write(engine: Any, told: list[tuple[tuple[Event, ...], datetime]]) -> None:
        async with begin(engine) as work:
            for events, at in told:
                await add(work.outbox, *events, at=at)

    def announce(self: UnitOfWork) -> None:
        committed(self)
        if told := waiting.pop(self.outbox, None):
            task = asyncio.create_task(write(self.connection.engine, told))
            writing.add(task)
            task.add_done_callback(writing.discard)

    with patch.object(Outbox, "add", remember), patch.object(UnitOfWork, "committed", announce):
        yield
