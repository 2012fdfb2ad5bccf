"""``python -m deploy.local.restore SERVICE --to INSTANT``: one service's database as it was, beside what it is now.

A second server recovers the whole cluster to the instant; that service's database is carried over; the one it replaces is
kept under another name. The rest of the shop may run meanwhile. What to do afterwards, so that all services agree again, is
told in ``docs/how-to/recover.md``.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deploy.layout import PACKAGES
from deploy.local.backup import base_backups, running_postgres
from deploy.local.folder import LocalServerError
from deploy.local.home import BACKUPS, HOME, POSTGRES
from deploy.local.postgres import LocalPostgres
from deploy.local.postgres_roles import owner_of, rights
from deploy.local.processes import wait_until

RECOVERY_PORT = 8433
ARCHIVE_SECONDS = 60.0
WHILE_RECOVERING = {"archive_mode": "off", "hot_standby": "off"}
"""Nobody may read before the instant is reached: the server counts as ready once it is."""


def restore(
    service: str,
    *,
    to: datetime | None,
    postgres: LocalPostgres,
    folder: Path,
    backups: Path,
    workshop: Path,
    now: datetime,
    say: Callable[[str], None] = print,
) -> str:
    """Set a service's database back to an instant, or to the last change that is archived.

    ``folder`` is the running server's own. Returns the name under which the replaced database is kept. Raises
    LocalServerError.
    """
    base = _base_for(backups, to)
    _archive_all(postgres)
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(mode=0o700, parents=True)
    say(f"Recovering from {base.name} to {to.isoformat() if to else 'the last change'}")
    shutil.copytree(base, workshop / "data")
    (workshop / "data").chmod(0o700)
    shutil.copy(folder / "passwords.json", workshop / "passwords.json")
    _aim(workshop / "data", backups / "wal", to)
    dump = workshop / f"{service}.dump"
    with LocalPostgres(workshop, port=RECOVERY_PORT, settings=WHILE_RECOVERING, say=say) as recovered:
        say(f"Taking {service} from there")
        recovered.run_program("pg_dump", "-Fc", "-d", service, "-f", dump)
    kept = f"{service}_until_{now.astimezone(UTC):%Y%m%d_%H%M%S}"
    say(f"Putting it in place; the database that it replaces is kept as {kept}")
    postgres.sql(_make_room(service, kept))
    postgres.run_program("pg_restore", "--exit-on-error", "-d", service, dump)
    postgres.sql(f'ALTER DATABASE "{service}" ALLOW_CONNECTIONS true;')
    shutil.rmtree(workshop)
    return kept


def _base_for(backups: Path, to: datetime | None) -> Path:
    usable = [path for begun, path in base_backups(backups) if to is None or begun < to]
    if not usable:
        raise LocalServerError(
            f"No backup in {backups} is older than that. `make backup` takes one; "
            "an instant before the first backup cannot be restored."
        )
    return usable[-1]


def _archive_all(postgres: LocalPostgres) -> None:
    """Close the journal's present segment, and wait until it is in the archive; raises LocalServerError."""
    closed = postgres.sql("SELECT pg_walfile_name(pg_switch_wal());")
    query = f"SELECT coalesce(last_archived_wal, '') >= '{closed}' FROM pg_stat_archiver;"
    if not wait_until(lambda: postgres.sql(query) == "t", seconds=ARCHIVE_SECONDS):
        raise LocalServerError(f"PostgreSQL does not archive {closed}; see its log.")


def _aim(data: Path, wal: Path, to: datetime | None) -> None:
    """Have a copied cluster recover from the archive up to an instant, and then open."""
    settings = [f'restore_command = \'cp "{wal}/%f" "%p"\'', "recovery_target_action = 'promote'"]
    if to is not None:
        settings.append(f"recovery_target_time = '{to.astimezone(UTC).isoformat()}'")
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("\n".join(["", *settings, ""]))
    (data / "recovery.signal").touch()


def _make_room(service: str, kept: str) -> str:
    """A psql script: nobody is connected any more, the old database has another name, and an empty one has its place."""
    return f"""
        ALTER DATABASE "{service}" ALLOW_CONNECTIONS false;
        DO $$ BEGIN
          FOR attempt IN 1..100 LOOP
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{service}';
            PERFORM pg_sleep(0.05);
            PERFORM pg_stat_clear_snapshot();
            EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '{service}');
          END LOOP;
        END $$;
        ALTER DATABASE "{service}" RENAME TO "{kept}";
        CREATE DATABASE "{service}" OWNER "{owner_of(service)}" TEMPLATE template0;
        \\connect "{service}"
        {"".join(f"{statement};" for statement in rights(service))}
    """


def main() -> None:
    """Restore what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.restore", description=__doc__)
    parser.add_argument("service", choices=list(PACKAGES))
    parser.add_argument(
        "--to", type=datetime.fromisoformat, help="2026-11-22T08:00+08:00; left out: the last archived change"
    )
    wish = parser.parse_args()
    if wish.to is not None and wish.to.tzinfo is None:
        parser.error("--to needs a time zone, as in 2026-11-22T08:00+08:00")
    try:
        with running_postgres(POSTGRES) as postgres:
            restore(
                wish.service,
                to=wish.to,
                postgres=postgres,
                folder=POSTGRES,
                backups=BACKUPS,
                workshop=HOME / "restore",
                now=datetime.now(UTC),
            )
    except LocalServerError as error:
        sys.exit(str(error))
    print(f"{wish.service} is restored. Go on with docs/how-to/recover.md: «Afterwards».")


if __name__ == "__main__":
    main()
