"""The phones table: one phone a member, one member a phone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.member.phones.domain import PhoneTaken
from shared.connection import Connection

_INDEX = text("SELECT phone_index FROM phones WHERE member_id = :member_id")
_BIND = text(
    "INSERT INTO phones (member_id, phone_sealed, phone_index, bound_at) VALUES (:member_id, :sealed, :index, :at)"
    " ON CONFLICT (member_id) DO UPDATE SET phone_sealed = excluded.phone_sealed,"
    " phone_index = excluded.phone_index, bound_at = excluded.bound_at"
)
_UNBIND = text("DELETE FROM phones WHERE member_id = :member_id")


class Phones:
    """The phones of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def index_of(self, member_id: UUID) -> bytes | None:
        """The blind index of a member's phone."""
        index: bytes | None = (
            await self._connection.execute(_INDEX, {"member_id": member_id})
        ).scalar_one_or_none()
        return index

    async def bind(self, member_id: UUID, *, sealed: str, index: bytes, at: datetime) -> None:
        """Keep a member's phone in place of an earlier one; raises PhoneTaken."""
        try:
            await self._connection.execute(
                _BIND, {"member_id": member_id, "sealed": sealed, "index": index, "at": at}
            )
        except IntegrityError as error:
            raise PhoneTaken() from error

    async def unbind(self, member_id: UUID) -> None:
        """Forget a member's phone."""
        await self._connection.execute(_UNBIND, {"member_id": member_id})
