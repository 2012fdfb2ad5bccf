"""The addresses table: numbered slots keep a book finite, a partial index keeps one default."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.member.addresses.domain import MOST_ADDRESSES, TooManyAddresses
from shared.connection import Connection
from shared.http.problems import NotFound

_COLUMNS = "id, details_sealed, is_default"
_ALL = text(
    f"SELECT {_COLUMNS} FROM addresses WHERE member_id = :member_id ORDER BY is_default DESC, id DESC"
)
_ONE = text(f"SELECT {_COLUMNS} FROM addresses WHERE id = :id AND member_id = :member_id")
_ADD = text(
    "INSERT INTO addresses (id, member_id, slot, details_sealed, is_default, created_at, updated_at)"
    " SELECT CAST(:id AS uuid), CAST(:member_id AS uuid), min(slot), CAST(:details_sealed AS text),"
    "  NOT EXISTS (SELECT FROM addresses WHERE member_id = :member_id),"
    "  CAST(:at AS timestamptz), CAST(:at AS timestamptz)"
    " FROM generate_series(1, CAST(:most AS int)) AS slot"
    " WHERE slot NOT IN (SELECT a.slot FROM addresses a WHERE a.member_id = :member_id)"
    " HAVING min(slot) IS NOT NULL RETURNING is_default"
)
_CHANGE = text("UPDATE addresses SET details_sealed = :details_sealed, updated_at = :at WHERE id = :id")
_REMOVE = text("DELETE FROM addresses WHERE id = :id AND member_id = :member_id RETURNING is_default")
_NO_DEFAULT = text("UPDATE addresses SET is_default = false WHERE member_id = :member_id AND is_default")
_DEFAULT = text("UPDATE addresses SET is_default = true WHERE id = :id")
_NEWEST_DEFAULT = text(
    "UPDATE addresses SET is_default = true"
    " WHERE id = (SELECT id FROM addresses WHERE member_id = :member_id ORDER BY id DESC LIMIT 1)"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row: the contact still sealed."""

    id: UUID
    details_sealed: str
    is_default: bool


class Addresses:
    """The address books of one transaction; whoever changes one has locked its member."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self, member_id: UUID) -> Sequence[Stored]:
        """A member's addresses, the default first, then the newest."""
        rows = await self._connection.execute(_ALL, {"member_id": member_id})
        return [Stored(*row) for row in rows]

    async def get(self, member_id: UUID, address_id: UUID) -> Stored:
        """One address of this member; raises NotFound."""
        row = (await self._connection.execute(_ONE, {"id": address_id, "member_id": member_id})).one_or_none()
        if row is None:
            raise NotFound()
        return Stored(*row)

    async def add(self, member_id: UUID, address_id: UUID, *, details_sealed: str, at: datetime) -> bool:
        """Add an address; returns whether it is the default, as the first one is. Raises TooManyAddresses."""
        added = await self._connection.execute(
            _ADD,
            {
                "id": address_id,
                "member_id": member_id,
                "details_sealed": details_sealed,
                "at": at,
                "most": MOST_ADDRESSES,
            },
        )
        is_default: bool | None = added.scalar_one_or_none()
        if is_default is None:
            raise TooManyAddresses()
        return is_default

    async def change(self, address_id: UUID, *, details_sealed: str, at: datetime) -> None:
        """Write an address anew."""
        await self._connection.execute(
            _CHANGE, {"id": address_id, "details_sealed": details_sealed, "at": at}
        )

    async def remove(self, member_id: UUID, address_id: UUID) -> None:
        """Remove an address; when it was the default, the newest one left becomes it. Raises NotFound."""
        removed = await self._connection.execute(_REMOVE, {"id": address_id, "member_id": member_id})
        was_default: bool | None = removed.scalar_one_or_none()
        if was_default is None:
            raise NotFound()
        if was_default:
            await self._connection.execute(_NEWEST_DEFAULT, {"member_id": member_id})

    async def make_default(self, member_id: UUID, address_id: UUID) -> None:
        """Make one address of this member the default."""
        await self._connection.execute(_NO_DEFAULT, {"member_id": member_id})
        await self._connection.execute(_DEFAULT, {"id": address_id})
