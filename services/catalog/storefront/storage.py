"""The row of the home page's layout."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from shared.connection import Connection

_FIND = text("SELECT document FROM storefront")
_SAVE = text(
    "INSERT INTO storefront (document, updated_at) VALUES (CAST(:document AS jsonb), :at)"
    " ON CONFLICT (is_only) DO UPDATE SET document = excluded.document, version = storefront.version + 1,"
    " updated_at = excluded.updated_at"
)

EMPTY: dict[str, Any] = {"banners": [], "entries": [], "featured_category_ids": [], "hot_words": []}


async def saved_layout(connection: Connection) -> dict[str, Any]:
    """The layout as it was saved, or an empty one."""
    found: dict[str, Any] | None = (await connection.execute(_FIND)).scalar_one_or_none()
    return found or EMPTY


async def save_layout(connection: Connection, document: dict[str, Any], *, at: datetime) -> None:
    """Put a layout in the place of the old one."""
    await connection.execute(_SAVE, {"document": orjson.dumps(document, default=str).decode(), "at": at})
