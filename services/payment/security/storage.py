"""Recording what was not believed; append-only (SEC8)."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import new_id

_RECORD = text(
    "INSERT INTO security_events (id, kind, subject, detail, at)"
    " VALUES (:id, :kind, :subject, CAST(:detail AS jsonb), :at)"
)


class SecurityEvents:
    """The ``security_events`` of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, kind: str, subject: str, *, detail: dict[str, Any], at: datetime) -> None:
        """Append one; ``detail`` is JSON without secrets or personal data."""
        await self._connection.execute(
            _RECORD,
            {
                "id": new_id(),
                "kind": kind,
                "subject": subject[:200],
                "detail": orjson.dumps(detail, default=str).decode(),
                "at": at,
            },
        )
