"""Sealing the cash books: every few seconds the new journals are tied by a hash to all before them (M6).

A journal cannot wait for the one before it, or payments would stand in a queue; so it is sealed a moment after it is posted.
What is not sealed yet is found by its mark, never by an id above the last one: a slow commit would be left out for ever.
"""

import asyncio
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.payment.ledger.balances import CARRY_JOURNALS, carry
from services.payment.resources import PaymentResources
from shared.audit_log import chain_hash
from shared.database import UnitOfWork, begin

SEAL_SECONDS = 5.0
BATCH = 5_000
NO_SEAL = ""

JOURNAL = (
    "json_build_array(j.journal_id, j.source_type, j.source_id, j.kind, j.payment_id,"
    " to_char(j.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),"
    " (SELECT json_object_agg(e.account, e.amount_fen ORDER BY e.account) FROM journal_entries e"
    "   WHERE e.journal_id = j.journal_id))::text"
)
"""A journal ``j`` as it is sealed, in SQL."""

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
_LOCK = 0x7365616C
_LAST = text("SELECT seal_number, hash FROM ledger_seals ORDER BY seal_number DESC LIMIT 1")
_UNSEALED = text(
    f"SELECT j.journal_id, {JOURNAL} FROM journals j WHERE j.seal_number IS NULL ORDER BY j.journal_id LIMIT :limit"
)
_SEAL = text(
    "WITH sealed AS (UPDATE journals SET seal_number = :number WHERE journal_id = ANY(:journal_ids))"
    " INSERT INTO ledger_seals (seal_number, journal_count, previous_hash, hash, sealed_at)"
    " VALUES (:number, :count, :previous_hash, :hash, :at)"
)


def seal_hash(previous_hash: str, journals: list[str]) -> str:
    """The hash of a seal over its journals, ordered by their id, and all seals before it."""
    return chain_hash(previous_hash, {"journals": journals})


async def seal(work: UnitOfWork, *, at: datetime) -> int:
    """Seal what has not been, unless another process is at it; returns how many journals."""
    if not (await work.connection.execute(_TRY_LOCK, {"lock": _LOCK})).scalar_one():
        return 0
    unsealed = list(await work.connection.execute(_UNSEALED, {"limit": BATCH}))
    if not unsealed:
        return 0
    last = (await work.connection.execute(_LAST)).one_or_none()
    number, previous = (1, NO_SEAL) if last is None else (last.seal_number + 1, last.hash)
    await work.connection.execute(
        _SEAL,
        {
            "number": number,
            "count": len(unsealed),
            "journal_ids": [journal_id for journal_id, _ in unsealed],
            "previous_hash": previous,
            "hash": seal_hash(previous, [journal for _, journal in unsealed]),
            "at": at,
        },
    )
    return len(unsealed)


async def keep_sealed(resources: PaymentResources) -> None:
    """Seal for ever, and carry the balances along; a database that is away is waited for."""
    while True:
        try:
            async with begin(resources.engine) as work:
                has_more = await seal(work, at=resources.clock.now()) == BATCH
            async with begin(resources.engine) as work:
                has_more |= await carry(work, journals=CARRY_JOURNALS)
        except (SQLAlchemyError, OSError):
            has_more = False
        if not has_more:
            await asyncio.sleep(SEAL_SECONDS)
