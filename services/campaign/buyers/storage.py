"""The members who have paid an order."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_REMEMBER = text(
    "INSERT INTO buyers (member_id, first_paid_at)"
    " SELECT * FROM unnest(CAST(:member_ids AS uuid[]), CAST(:paid_at AS timestamptz[])) AS b(member_id, paid_at)"
    " ORDER BY member_id ON CONFLICT DO NOTHING"
)
_FORGET = text("DELETE FROM buyers")
_HAS_BOUGHT = text("SELECT EXISTS (SELECT FROM buyers WHERE member_id = :member_id)")


class Buyers:
    """Who has bought before."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def remember(self, paid_at: Mapping[UUID, datetime]) -> None:
        """Remember these members; who is known already stays as they are."""
        values = {"member_ids": list(paid_at), "paid_at": list(paid_at.values())}
        await self._connection.execute(_REMEMBER, values)

    async def forget(self) -> None:
        """Forget them all."""
        await self._connection.execute(_FORGET)

    async def has_bought(self, member_id: UUID) -> bool:
        """Whether a member has ever paid an order."""
        found: bool = (await self._connection.execute(_HAS_BOUGHT, {"member_id": member_id})).scalar_one()
        return found
