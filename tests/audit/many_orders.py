"""`python -m tests.audit.many_orders 100000 FOLDER`: a shop with so many finished orders, and the audit of it.

The databases stay in FOLDER for other measurements.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from audit.checkpoints import Checkpoint
from audit.clauses import CLAUSES
from audit.databases import Place
from audit.report import progress_line
from audit.run import Mode, Result, audit
from benchmarks.many_orders import ManyOrders
from deploy.layout import PACKAGES
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import DatabaseUrls
from shared.migrations import migrate


async def make_orders(urls: Mapping[str, DatabaseUrls], many: int) -> None:
    """Fill migrated, empty databases with so many orders."""
    await (await ManyOrders.prepare(urls, most=many)).add(0, many)
    for each in urls.values():
        connection = await asyncpg.connect(each.owner.replace("+asyncpg", ""))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()


async def _is_empty(urls: DatabaseUrls) -> bool:
    connection = await asyncpg.connect(urls.owner.replace("+asyncpg", ""))
    try:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM orders)")
    finally:
        await connection.close()


async def _measure(urls: Mapping[str, DatabaseUrls], checkpoint: Checkpoint) -> Result:
    place = Place({name: each.runtime for name, each in urls.items()}, {}, is_running=False)
    return await audit(
        place,
        CLAUSES,
        mode=Mode.REST,
        read_checkpoint=lambda databases: Checkpoint(databases, checkpoint.positions),
        progress=lambda outcome: print(progress_line(outcome), flush=True),
    )


def main() -> None:
    """Make the orders unless they are there, and audit them twice: all, then what is new."""
    many, folder = int(sys.argv[1]), Path(sys.argv[2])
    unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "8GB"}
    with LocalPostgres(folder, port=8932, settings=unsafe) as postgres:
        urls = postgres.ensure(PACKAGES)
        began = time.monotonic()
        for name, package in PACKAGES.items():
            asyncio.run(migrate(urls[name].owner, f"{package}.migrations"))
        if asyncio.run(_is_empty(urls["order"])):
            asyncio.run(make_orders(urls, many))
            print(f"{many:,} orders made in {time.monotonic() - began:.0f} s", flush=True)
        checkpoint = Checkpoint({}, {})
        for what in ("from scratch", "what is new"):
            began, cpu = time.monotonic(), time.process_time()
            result = asyncio.run(_measure(urls, checkpoint))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{what}: {time.monotonic() - began:.1f} s ({time.process_time() - cpu:.1f} s of it in Python),"
                f" {memory:.0f} MB at most, exit code {result.exit_code}",
                flush=True,
            )
            for outcome in result.outcomes:
                for found in outcome.findings[:3]:
                    print(found)
                if outcome.failed:
                    print(outcome.clause.id, outcome.failed)
            assert result.checkpoint is not None
            checkpoint = result.checkpoint
    servers = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"PostgreSQL: {servers.ru_utime + servers.ru_stime:.1f} s of processor for all of this", flush=True)


if __name__ == "__main__":
    main()
