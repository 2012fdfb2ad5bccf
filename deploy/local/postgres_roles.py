"""A database and two roles for each service: one owns and migrates, one only reads and writes rows (SEC15, K17)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")

RUNTIME_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
}


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """How a service reaches its database: as itself at run time, as the owner when it migrates."""

    runtime: str
    owner: str


def database_urls(service: str, passwords: Mapping[str, str], place: str) -> DatabaseUrls:
    """How the roles of a service reach the database at ``host:port/name``."""
    owner = owner_of(service)
    return DatabaseUrls(
        runtime=f"postgresql+asyncpg://{service}:{passwords[service]}@{place}",
        owner=f"postgresql+asyncpg://{owner}:{passwords[owner]}@{place}",
    )


def owner_of(service: str) -> str:
    """The role that owns a service's database and runs its migrations."""
    return f"{service}_owner"


def provision(passwords: Mapping[str, str], services: Iterable[str]) -> str:
    """A psql script that makes what is missing for these services, and changes nothing else.

    Raises ValueError for a name that is not a plain lower-case identifier.
    """
    script = ["CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"]
    for service in services:
        if not NAME.fullmatch(service):
            raise ValueError(f"{service!r} cannot name a database")
        script += _database(service, passwords)
    return "\n".join(["SET client_min_messages = warning;", *script])


def _database(service: str, passwords: Mapping[str, str]) -> list[str]:
    owner = owner_of(service)
    return [
        *(_role(role, passwords[role]) for role in (owner, service)),
        *(f"ALTER ROLE \"{service}\" SET {name} = '{value}';" for name, value in RUNTIME_LIMITS.items()),
        _unless(
            f"SELECT FROM pg_database WHERE datname = '{service}'",
            f'CREATE DATABASE "{service}" OWNER "{owner}"',
        ),
        f'\\connect "{service}"',
        *(f"{statement};" for statement in rights(service)),
    ]


def rights(service: str) -> list[str]:
    """What the owner of a database gives the service, connected to it: rows and nothing else, within the limits.

    The limits stand on the database as well, for servers where nobody may set them on the role; the owner is exempt.
    """
    owner = owner_of(service)
    return [
        f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC',
        f'GRANT CONNECT ON DATABASE "{service}" TO "{service}"',
        f'GRANT USAGE ON SCHEMA public TO "{service}"',
        *(
            f'ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" GRANT {privileges} TO "{service}"'
            for privileges in (
                "USAGE ON SCHEMAS",
                "SELECT, INSERT, UPDATE, DELETE ON TABLES",
                "USAGE ON SEQUENCES",
            )
        ),
        *(f"ALTER DATABASE \"{service}\" SET {name} = '{value}'" for name, value in RUNTIME_LIMITS.items()),
        *(f'ALTER ROLE "{owner}" SET {name} = 0' for name in RUNTIME_LIMITS),
    ]


def _role(name: str, password: str) -> str:
    return _unless(
        f"SELECT FROM pg_roles WHERE rolname = '{name}'",
        f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'",
    )


def _unless(query: str, statement: str) -> str:
    """Run a statement only when a query has no row: what psql's \\gexec makes of the first column."""
    return f"SELECT $jishi${statement}$jishi$ WHERE NOT EXISTS ({query}) \\gexec"
