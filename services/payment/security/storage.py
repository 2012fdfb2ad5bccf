"""Recording what was not believed; append-only (SEC8)."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from shared.connection import Connection
from shared.ids import new_id

_RECORD = text(
    "INSERT INTO security_events (id, kind, subject, detail, at)"
    " VALUES (:id, :kind, :subject, CAST(:detail AS jsonb), :at)"
)
_RECORD_NEW = text(
    "INSERT INTO security_events (id, kind, subject, detail, at)"
    " SELECT :id, :kind, :subject, CAST(:detail AS jsonb), :at WHERE NOT EXISTS (SELECT FROM security_events"
    " WHERE subject = :subject AND kind = :kind AND detail = CAST(:detail AS jsonb))"
)


class SecurityEvents:
    """The ``security_events`` of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, kind: str, subject: str, *, detail: dict[str, Any], at: datetime) -> None:
        """Append one; ``detail`` is JSON without secrets or personal data."""
        await self._connection.execute(_RECORD, _row(kind, subject, detail, at))

    async def record_once(self, kind: str, subject: str, *, detail: dict[str, Any], at: datetime) -> None:
        """Append one unless just that was said of the subject before; for what is asked again by the clock."""
        await self._connection.execute(_RECORD_NEW, _row(kind, subject, detail, at))


def _row(kind: str, subject: str, detail: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": kind,
        "subject": subject[:200],
        "detail": orjson.dumps(detail, default=str).decode(),
        "at": at,
    }
