"""Moves announced events from the outbox to the transport, for ever (K3, K4)."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import LAZILY, committing_each
from shared.events.base import Event
from shared.messaging.outbox import wake_on_commit
from shared.messaging.transport import Pack, Transport, TransportUnavailable
from shared.waiting import is_set

log = logging.getLogger(__name__)

BATCH = 500
PACK_EVENTS = 50
PACK_BYTES = 64 * 1024
BATCHES_IN_FLIGHT = 4
NET_SECONDS = 1.0
"""How often to look for what nobody was woken for: a process that announces relays by itself, and may have been killed."""
WIDE_NET_SECONDS = 15.0
"""The same, for one below which there is another net."""
LINGER_SECONDS = 0.2
"""So long what nobody awaits waits for more, where a pack costs more than an event: over a broker."""
AWAITED_LINGER_SECONDS = 0.001
"""What is announced in the same moment goes together, whoever awaits it."""
LEASE_SECONDS = 10.0
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 5.0

# What a crash of the database forgets of these is sent once more, and heard once (K5).
_CLAIM = text(
    "UPDATE outbox SET claimed_until = now() + make_interval(secs => :lease), attempts = attempts + 1"
    " WHERE id = ANY(ARRAY("  # not IN: a plan may ask such a query again for each row, and take more than a batch
    " SELECT id FROM outbox WHERE sent_at IS NULL AND (claimed_until IS NULL OR claimed_until < now())"
    f" ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)) AND {LAZILY}"
    " RETURNING id, event_id, type, envelope, attempts"
)
_HOLD = text(
    "UPDATE outbox SET claimed_until = now() + make_interval(secs => :lease)"
    f" WHERE id = ANY(:ids) AND sent_at IS NULL AND {LAZILY}"
)
_MARK_SENT = text(f"UPDATE outbox SET sent_at = now() WHERE id = ANY(:ids) AND {LAZILY}")
_GIVE_BACK = text(
    "UPDATE outbox SET claimed_until = now()"
    " + make_interval(secs => least(:longest, :pause * power(2, least(attempts - 1, 10))))"
    " WHERE id = ANY(:ids)"
)
_RELEASE_ALL = text(
    "UPDATE outbox SET claimed_until = NULL WHERE sent_at IS NULL AND claimed_until IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    event_id: UUID
    type: str
    envelope: str
    attempts: int


class Relay:
    """A relay of one service: one in each process that announces, and any number of them beside each other."""

    def __init__(
        self, engine: AsyncEngine, transport: Transport, *, net_seconds: float | None = None
    ) -> None:
        self._engine = engine
        self._transport = transport
        self._net_seconds = net_seconds
        self._linger_seconds = 0.0 if transport.exclusive else LINGER_SECONDS
        self._work = asyncio.Event()
        self._awaited_work = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._is_transport_away = False

    async def run(self) -> None:
        """Relay until cancelled; what is under way then gets a moment to be confirmed."""
        wake_on_commit(str(self._engine.url.database), self._wake)
        if self._transport.exclusive:
            async with committing_each(self._engine) as connection:
                await connection.execute(_RELEASE_ALL)
        try:
            while True:
                await self._step()
        finally:
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=STOP_SECONDS)
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _step(self) -> None:
        while len(self._in_flight) >= BATCHES_IN_FLIGHT:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        if self._is_transport_away:
            self._is_transport_away = False
            await asyncio.sleep(PAUSE_SECONDS)
        self._work.clear()
        self._awaited_work.clear()
        try:
            rows = await self._claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("outbox unreachable", extra={"error": repr(error)[:300]})
            await asyncio.sleep(PAUSE_SECONDS)
            return
        if rows:
            task = asyncio.create_task(self._relay(rows))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        if len(rows) < BATCH and await is_set(self._work, within=self._net_seconds or NET_SECONDS):
            await is_set(self._awaited_work, within=self._linger_seconds)
            await asyncio.sleep(AWAITED_LINGER_SECONDS)

    def _wake(self, announced: Sequence[Event]) -> None:
        self._work.set()
        if any(event.is_awaited for event in announced):
            self._awaited_work.set()

    async def _claim(self) -> list[_Row]:
        async with committing_each(self._engine) as connection:
            found = await connection.execute(_CLAIM, {"lease": LEASE_SECONDS, "batch": BATCH})
            return sorted((_Row(*row) for row in found), key=lambda row: row.id)

    async def _relay(self, rows: Sequence[_Row]) -> None:
        """Publish claimed rows and note what became of them. Whatever fails: the claims run out, and they are sent again."""
        packs = pack(rows)
        longest_pause = LONGEST_PAUSE_SECONDS
        try:
            async with self._held([row.id for row in rows]):
                confirmed = await self._transport.publish([message for message, _ in packs])
        except TransportUnavailable as error:
            log.warning("transport unavailable", extra={"error": str(error)[:300], "events": len(rows)})
            confirmed = [False] * len(packs)
            longest_pause = PAUSE_SECONDS
            self._is_transport_away = True
        except Exception:
            log.exception("events not published", extra={"events": len(rows)})
            return
        sent = [id_ for (_, ids), is_sent in zip(packs, confirmed, strict=True) if is_sent for id_ in ids]
        unsent = [row for row in rows if row.id not in set(sent)]
        if unsent:
            types = sorted({row.type for row in unsent})
            log.warning("events not taken by every queue", extra={"events": len(unsent), "types": types})
        try:
            await self._note(sent, [row.id for row in unsent], longest_pause)
        except (SQLAlchemyError, OSError) as error:
            log.warning("outbox unreachable", extra={"error": repr(error)[:300]})

    async def _note(self, sent: Sequence[int], unsent: Sequence[int], longest_pause: float) -> None:
        async with committing_each(self._engine) as connection:
            if sent:
                await connection.execute(_MARK_SENT, {"ids": sent})
            if unsent:
                await connection.execute(
                    _GIVE_BACK, {"ids": unsent, "pause": PAUSE_SECONDS, "longest": longest_pause}
                )

    @asynccontextmanager
    async def _held(self, ids: Sequence[int]) -> AsyncIterator[None]:
        """Renew the claims for as long as publishing takes: in one process that is as long as the reactions take."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE_SECONDS / 3)
                try:
                    async with committing_each(self._engine) as connection:
                        await connection.execute(_HOLD, {"ids": ids, "lease": LEASE_SECONDS})
                except (SQLAlchemyError, OSError) as error:
                    log.warning("outbox unreachable", extra={"error": repr(error)[:300]})

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


def pack(rows: Sequence[_Row]) -> list[tuple[Pack, list[int]]]:
    """Pack rows by type, first tries apart from later ones; each pack with the outbox ids it carries."""
    packs: list[tuple[Pack, list[int]]] = []
    groups: defaultdict[tuple[str, bool], list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.type, row.attempts > 1].append(row)
    for (type_, again), members in groups.items():
        chunk: list[tuple[_Row, bytes]] = []
        size = 2
        for row in members:
            envelope = row.envelope.encode()
            if chunk and (len(chunk) == PACK_EVENTS or size + len(envelope) + 1 > PACK_BYTES):
                packs.append(_close(type_, chunk, again))
                chunk, size = [], 2
            chunk.append((row, envelope))
            size += len(envelope) + 1
        packs.append(_close(type_, chunk, again))
    return packs


def _close(type_: str, chunk: Sequence[tuple[_Row, bytes]], again: bool) -> tuple[Pack, list[int]]:
    body = b"[" + b",".join(envelope for _, envelope in chunk) + b"]"
    rows = [row for row, _ in chunk]
    return Pack(type_, body, tuple(row.event_id for row in rows), again), [row.id for row in rows]
