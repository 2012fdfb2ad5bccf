"""Faults at the joints of a running process, each once: what a kill, a slow commit or a doubled announcement does."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

from shared.database import UnitOfWork
from shared.events.base import Event
from shared.messaging.inbox import Inbox
from shared.messaging.outbox import Outbox
from tests.chaos.post import Post

LONGEST_HOLD_SECONDS = 15.0


@contextmanager
def dies_in(reaction: str) -> Iterator[None]:
    """The next time this reaction is at work its process dies, before the commit."""
    claim = Inbox.claim
    has_died = False

    async def die_once(self: Inbox, name: str, event_ids: Sequence[UUID]) -> set[UUID]:
        nonlocal has_died
        claimed = await claim(self, name, event_ids)
        if name == reaction and not has_died:
            has_died = True
            raise asyncio.CancelledError
        return claimed

    with patch.object(Inbox, "claim", die_once):
        yield
    assert has_died


@contextmanager
def dies_after_announcing(type_: type[Event]) -> Iterator[None]:
    """The process dies right after the next commit that announces such an event, and before it does anything more."""
    add, committed = Outbox.add, UnitOfWork.committed
    doomed: list[Outbox] = []
    has_died = False

    async def notice(self: Outbox, *events: Event, at: datetime, **more: Any) -> Any:
        if any(type(event) is type_ for event in events) and not has_died:
            doomed.append(self)
        return await add(self, *events, at=at, **more)

    def die_once(self: UnitOfWork) -> None:
        nonlocal has_died
        if self.outbox in doomed and not has_died:
            has_died = True
            raise asyncio.CancelledError
        committed(self)

    with patch.object(Outbox, "add", notice), patch.object(UnitOfWork, "committed", die_once):
        yield
    assert has_died


@contextmanager
def commits_late(type_: type[Event], post: Post) -> Iterator[None]:
    """The first transaction that announces such an event commits only after a later one's was delivered."""
    add = Outbox.add
    is_held = False

    async def hold(self: Outbox, *events: Event, at: datetime, **more: Any) -> Any:
        nonlocal is_held
        told = await add(self, *events, at=at, **more)
        if any(type(event) is type_ for event in events) and not is_held:
            is_held = True
            async with asyncio.timeout(LONGEST_HOLD_SECONDS):
                await post.delivery_of(type_.type).wait()
        return told

    with patch.object(Outbox, "add", hold):
        yield
    assert is_held
