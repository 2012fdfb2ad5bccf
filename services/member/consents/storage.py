"""The agreement's versions, and the append-only log of consents (K13)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.member.consents.domain import Agreement, Consent, Purpose
from shared.connection import Connection

_AGREEMENT = text(
    "SELECT version, title, body, effective_at FROM privacy_agreements"
    " WHERE effective_at <= :at ORDER BY effective_at DESC LIMIT 1"
)
_LIVE = text(
    "SELECT purpose, version, at FROM ("
    "  SELECT DISTINCT ON (purpose) purpose, action, version, at FROM consents"
    "  WHERE member_id = :member_id ORDER BY purpose, position DESC) AS latest"
    " WHERE action = 'given' ORDER BY purpose DESC"
)
_APPEND = text(
    "INSERT INTO consents (member_id, purpose, action, version, at)"
    " VALUES (:member_id, :purpose, :action, :version, :at)"
)


class Consents:
    """The consents of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def agreement(self, *, at: datetime) -> Agreement:
        """The version in force."""
        return Agreement(*(await self._connection.execute(_AGREEMENT, {"at": at})).one())

    async def live(self, member_id: UUID) -> list[Consent]:
        """The consents that were given and not withdrawn since, whatever their version."""
        rows = await self._connection.execute(_LIVE, {"member_id": member_id})
        return [Consent(Purpose(row.purpose), row.version, row.at) for row in rows]

    async def give(self, member_id: UUID, purpose: Purpose, *, version: str, at: datetime) -> None:
        """Log a consent."""
        await self._append(member_id, purpose, "given", version, at)

    async def withdraw(self, member_id: UUID, purpose: Purpose, *, version: str, at: datetime) -> None:
        """Log a withdrawal of the consent to a version."""
        await self._append(member_id, purpose, "withdrawn", version, at)

    async def _append(
        self, member_id: UUID, purpose: Purpose, action: str, version: str, at: datetime
    ) -> None:
        await self._connection.execute(
            _APPEND,
            {"member_id": member_id, "purpose": purpose, "action": action, "version": version, "at": at},
        )
