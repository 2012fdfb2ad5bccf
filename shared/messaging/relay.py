"""Moves announced events from the outbox to the transport, for ever (K3, K4)."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import begin
from shared.messaging.outbox import wake_on_commit
from shared.messaging.transport import Pack, Transport, TransportUnavailable

log = logging.getLogger(__name__)

BATCH = 500
PACK_EVENTS = 50
PACK_BYTES = 64 * 1024
BATCHES_IN_FLIGHT = 4
POLL_SECONDS = 0.1
LEASE_SECONDS = 60
PAUSE_SECONDS = 1.0

_CLAIM = text(
    "UPDATE outbox SET claimed_until = now() + make_interval(secs => :lease), attempts = attempts + 1 WHERE id IN ("
    " SELECT id FROM outbox WHERE sent_at IS NULL AND (claimed_until IS NULL OR claimed_until < now())"
    " ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " RETURNING id, event_id, type, envelope, attempts"
)
_MARK_SENT = text("UPDATE outbox SET sent_at = now() WHERE id = ANY(:ids)")
_GIVE_BACK = text(
    "UPDATE outbox SET claimed_until = now() + make_interval(secs => :pause) WHERE id = ANY(:ids)"
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
    """The relay of one service; any number of them may run beside each other."""

    def __init__(self, engine: AsyncEngine, transport: Transport) -> None:
        self._engine = engine
        self._transport = transport
        self._work = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Relay until cancelled."""
        wake_on_commit(str(self._engine.url.database), self._work.set)
        if self._transport.exclusive:
            async with begin(self._engine) as work:
                await work.connection.execute(_RELEASE_ALL)
        try:
            while True:
                await self._step()
        finally:
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _step(self) -> None:
        while len(self._in_flight) >= BATCHES_IN_FLIGHT:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        self._work.clear()
        try:
            rows = await self._claim()
        except (SQLAlchemyError, OSError) as error:
            log.warning("outbox unreachable", extra={"error": str(error)})
            await asyncio.sleep(PAUSE_SECONDS)
            return
        if rows:
            task = asyncio.create_task(self._send(rows))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        if len(rows) < BATCH:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                return

    async def _claim(self) -> list[_Row]:
        async with begin(self._engine) as work:
            found = await work.connection.execute(_CLAIM, {"lease": LEASE_SECONDS, "batch": BATCH})
            return sorted((_Row(*row) for row in found), key=lambda row: row.id)

    async def _send(self, rows: Sequence[_Row]) -> None:
        packs = pack(rows)
        try:
            confirmed = await self._transport.publish([message for message, _ in packs])
        except TransportUnavailable as error:
            log.warning("transport unavailable", extra={"error": str(error), "events": len(rows)})
            confirmed = [False] * len(packs)
        sent = [id_ for (_, ids), is_sent in zip(packs, confirmed, strict=True) if is_sent for id_ in ids]
        unsent = [
            id_ for (_, ids), is_sent in zip(packs, confirmed, strict=True) if not is_sent for id_ in ids
        ]
        try:
            async with begin(self._engine) as work:
                if sent:
                    await work.connection.execute(_MARK_SENT, {"ids": sent})
                if unsent:
                    await work.connection.execute(_GIVE_BACK, {"ids": unsent, "pause": PAUSE_SECONDS})
        except (SQLAlchemyError, OSError) as error:
            # The claims run out and the events are sent again: the inboxes know them.
            log.warning("outbox unreachable", extra={"error": str(error)})


def pack(rows: Sequence[_Row]) -> list[tuple[Pack, list[int]]]:
    """Pack rows by type, first tries apart from later ones; each pack with the outbox ids it carries."""
    packs: list[tuple[Pack, list[int]]] = []
    groups: defaultdict[tuple[str, bool], list[_Row]] = defaultdict(list)
    for row in rows:
        groups[row.type, row.attempts > 1].append(row)
    for (type_, again), members in groups.items():
        chunk: list[_Row] = []
        size = 0
        for row in members:
            weight = len(row.envelope) * 3  # an upper bound of its UTF-8 length
            if chunk and (len(chunk) == PACK_EVENTS or size + weight > PACK_BYTES):
                packs.append(_close(type_, chunk, again))
                chunk, size = [], 0
            chunk.append(row)
            size += weight
        packs.append(_close(type_, chunk, again))
    return packs


def _close(type_: str, rows: Sequence[_Row], again: bool) -> tuple[Pack, list[int]]:
    body = b"[" + b",".join(row.envelope.encode() for row in rows) + b"]"
    return Pack(type_, body, tuple(row.event_id for row in rows), again), [row.id for row in rows]
