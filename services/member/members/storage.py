"""The members table."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.http.problems import NotFound

_ADD = text("INSERT INTO members (id, scene, registered_at) VALUES (:id, :scene, :at)")
_LOCK = text("SELECT id FROM members WHERE id = :id FOR NO KEY UPDATE")
_CHANGE = text("UPDATE members SET nickname = :nickname, birthday_on = :birthday_on WHERE id = :id")


class Members:
    """The members of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, member_id: UUID, *, scene: str | None, at: datetime) -> None:
        """A new member."""
        await self._connection.execute(_ADD, {"id": member_id, "scene": scene, "at": at})

    async def lock(self, member_id: UUID) -> None:
        """Keep others from changing what this member has; raises NotFound."""
        if (await self._connection.execute(_LOCK, {"id": member_id})).one_or_none() is None:
            raise NotFound()

    async def change(self, member_id: UUID, *, nickname: str | None, birthday_on: date | None) -> None:
        """Write the profile."""
        await self._connection.execute(
            _CHANGE, {"id": member_id, "nickname": nickname, "birthday_on": birthday_on}
        )
