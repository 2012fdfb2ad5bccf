"""The start of a process: a database that is away is waited for, one that is not as it must be ends it (4.E, SEC15).

What is away comes back by itself: a refused connection, a name that is not known yet, a server that starts up or has too
many connections. A wrong password, a missing database or missing migrations are for a person, and waiting would hide them.
"""

import asyncio
import importlib
import logging
import pkgutil
import random

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import is_passing, reading
from shared.resources import Resources

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 2.0

_IS_MIGRATED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_APPLIED = text("SELECT coalesce(max(version_num), '') FROM alembic_version")


class UnusableDatabase(Exception):
    """The database answers, and a person must put something right first; the message says what."""


async def prepare(resources: Resources, *, migrations: str) -> None:
    """Wait until the database answers, see that it has the tables of ``migrations``, and prepare the resources.

    Raises UnusableDatabase.
    """
    while True:
        try:
            await check_migrations(resources.engine, migrations)
            await resources.prepare()
            return
        except (SQLAlchemyError, OSError) as error:
            if not is_passing(error):
                raise UnusableDatabase(f"The database refuses {resources.name}: {error}") from error
            log.warning("waiting for the database", extra={"error": repr(error)[:300]})
        await asyncio.sleep(random.uniform(LONGEST_PAUSE_SECONDS / 4, LONGEST_PAUSE_SECONDS))


async def check_migrations(engine: AsyncEngine, migrations: str) -> None:
    """Raise UnusableDatabase for a database older than the newest migration of a package.

    A newer one is that of the next version, whose migrations only add while ours still runs (4.D).
    """
    needed = newest_migration(migrations)
    async with reading(engine) as connection:
        is_migrated = (await connection.execute(_IS_MIGRATED)).scalar_one()
        applied = str((await connection.execute(_APPLIED)).scalar_one()) if is_migrated else ""
    if applied < needed:
        raise UnusableDatabase(
            f"The database {engine.url.database} is at migration {applied or 'none'} and this version needs {needed}"
            f" of {migrations}: run `python -m deploy.migrate` first."
        )
    if applied > needed:
        log.warning("the database is ahead of this version", extra={"applied": applied, "needed": needed})


def newest_migration(package: str) -> str:
    """The number of a package's newest migration, which its modules' names begin with."""
    folder = importlib.import_module(package).__path__
    return max(module.name.partition("_")[0] for module in pkgutil.iter_modules(folder))
