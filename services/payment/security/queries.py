"""What operators see of security events."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_LIST = text(
    "SELECT id, kind, subject, detail, at FROM security_events"
    " WHERE id < :before ORDER BY id DESC LIMIT :limit"
)


async def list_events(connection: Connection, *, before: UUID, limit: int) -> list[dict[str, Any]]:
    """Security events, newest first, from before the last one of the page before."""
    rows = await connection.execute(_LIST, {"before": before, "limit": limit})
    return [dict(row) for row in rows]
