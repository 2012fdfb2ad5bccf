"""The operators table."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import text

from shared.connection import Connection
from shared.database import begin
from shared.http.callers import OWNER
from shared.ids import new_id
from shared.resources import Resources

_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this password")

_COLUMNS = "id, username, roles, is_active, created_at"
_ADD = text(
    "INSERT INTO operators (id, username, password_hash, roles, is_active, created_at)"
    " VALUES (:id, :username, :password_hash, :roles, true, :at) ON CONFLICT (username) DO NOTHING RETURNING id"
)
_ANY = text("SELECT EXISTS (SELECT FROM operators)")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('operators', 0))")
_BY_NAME = text(f"SELECT {_COLUMNS}, password_hash FROM operators WHERE username = :username AND is_active")
_STILL = text(
    "SELECT id FROM operators WHERE id = :id AND password_hash = :password_hash AND is_active FOR SHARE"
)
_GET = text(f"SELECT {_COLUMNS} FROM operators WHERE id = :id")
_LOCKED = text(f"SELECT {_COLUMNS} FROM operators WHERE id = :id FOR UPDATE")
_ALL = text(f"SELECT {_COLUMNS} FROM operators ORDER BY username LIMIT 500")
_CHANGE = text(
    "UPDATE operators SET roles = :roles, is_active = :is_active,"
    " password_hash = coalesce(:password_hash, password_hash) WHERE id = :id"
)
_OWNERS = text("SELECT count(*) FROM operators WHERE is_active AND 'owner' = ANY(roles)")


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who runs the shop."""

    id: UUID
    username: str
    roles: list[str]
    is_active: bool
    created_at: datetime


class Operators:
    """The operators within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, username: str, password: str, roles: list[str], *, at: datetime) -> UUID | None:
        """A new operator's id, or None when the name is taken."""
        row = await self._connection.execute(
            _ADD,
            {
                "id": new_id(),
                "username": username,
                "password_hash": await asyncio.to_thread(_hasher.hash, password),
                "roles": roles,
                "at": at,
            },
        )
        found: UUID | None = row.scalar_one_or_none()
        return found

    async def find(self, username: str) -> tuple[Operator, str] | None:
        """The active operator of a name, and the hash of the password."""
        row = (await self._connection.execute(_BY_NAME, {"username": username})).one_or_none()
        return (Operator(*row[:5]), row.password_hash) if row else None

    async def still_has(self, operator_id: UUID, password_hash: str) -> bool:
        """Whether account and password are still what they were; both stay so until the transaction ends."""
        row = await self._connection.execute(_STILL, {"id": operator_id, "password_hash": password_hash})
        return row.one_or_none() is not None

    async def get(self, operator_id: UUID) -> Operator | None:
        """An operator."""
        row = (await self._connection.execute(_GET, {"id": operator_id})).one_or_none()
        return Operator(*row) if row else None

    async def lock(self, operator_id: UUID) -> Operator | None:
        """An operator, to be changed; changes of operators happen one after another."""
        await self._connection.execute(_LOCK)
        row = (await self._connection.execute(_LOCKED, {"id": operator_id})).one_or_none()
        return Operator(*row) if row else None

    async def all(self) -> list[Operator]:
        """Every operator by name."""
        return [Operator(*row) for row in await self._connection.execute(_ALL)]

    async def change(
        self, operator_id: UUID, *, roles: list[str], is_active: bool, password: str | None = None
    ) -> None:
        """Set roles, activity and, if given, the password."""
        password_hash = await asyncio.to_thread(_hasher.hash, password) if password else None
        await self._connection.execute(
            _CHANGE,
            {"id": operator_id, "roles": roles, "is_active": is_active, "password_hash": password_hash},
        )

    async def active_owners(self) -> int:
        """How many owners could still log in."""
        return int((await self._connection.execute(_OWNERS)).scalar_one())

    async def any(self) -> bool:
        """Whether there is an operator at all; holds others off until the transaction ends."""
        await self._connection.execute(_LOCK)
        return bool((await self._connection.execute(_ANY)).scalar_one())


async def make_owner(resources: Resources, username: str, password: str) -> None:
    """The first start makes the owner's account; later ones leave the accounts alone."""
    async with begin(resources.engine) as work:
        operators = Operators(work.connection)
        if not await operators.any():
            await operators.add(username, password, [OWNER], at=resources.clock.now())


async def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits; takes as long without a hash, for a name that nobody has."""
    return await asyncio.to_thread(_matches, password_hash or _NOBODY, password) and password_hash is not None


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False
