"""Buckets that all gateways share: one row a caller, one statement for all who call at the moment (SEC7, K12, K16)."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.limits.rates import Limit, Rate
from shared.database import committing_each

SWEEP_SECONDS = 600.0

_TAKE = text(
    "INSERT INTO rate_limits AS held (key, full_at, is_granted)"
    " SELECT key, now() + CAST(:interval AS interval), true FROM unnest(CAST(:keys AS bytea[])) AS key ORDER BY key"
    " ON CONFLICT (key) DO UPDATE SET"
    "  is_granted = held.full_at + :interval <= now() + :period,"
    "  full_at = CASE WHEN held.full_at + :interval <= now() + :period"
    "   THEN greatest(held.full_at, now()) + :interval ELSE held.full_at END"
    " RETURNING key, is_granted, extract(epoch FROM full_at - now())::float AS full_in"
)
_SWEEP = text("DELETE FROM rate_limits WHERE full_at <= now()")


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a call was there, and the seconds until the bucket is full again."""

    is_granted: bool
    full_in: float


async def take(engine: AsyncEngine, limit: Limit, rate: Rate, callers: Sequence[str]) -> dict[str, Taken]:
    """Take one call from the bucket of each of these callers; they are stored as digests (SEC11)."""
    keys = {
        caller: hashlib.blake2b(f"{limit}|{caller}".encode(), digest_size=16).digest() for caller in callers
    }
    values = {
        "keys": list(keys.values()),
        "interval": timedelta(microseconds=int(rate.interval * 1_000_000)),
        "period": timedelta(seconds=rate.seconds),
    }
    async with committing_each(engine) as connection:
        taken = {key: Taken(*told) for key, *told in await connection.execute(_TAKE, values)}
    return {caller: taken[key] for caller, key in keys.items()}


async def sweep(engine: AsyncEngine) -> int:
    """Forget the buckets that are full; returns how many."""
    async with committing_each(engine) as connection:
        return (await connection.execute(_SWEEP)).rowcount


async def sweep_rate_limits(engine: AsyncEngine) -> None:
    """Forget full buckets every ten minutes until cancelled; every gateway may do it."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await sweep(engine)
