"""The rows of media files."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from shared.connection import Connection

_FIND = text(
    "SELECT content_type, etag, CASE WHEN etag = :known THEN NULL ELSE content END AS content"
    " FROM media_files WHERE path = :path"
)
_SAVE = text(
    "INSERT INTO media_files (path, content_type, content, etag, updated_at)"
    " VALUES (:path, :content_type, :content, :etag, :at) ON CONFLICT (path) DO UPDATE SET"
    " content_type = excluded.content_type, content = excluded.content, etag = excluded.etag,"
    " updated_at = excluded.updated_at"
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A stored file; without content when the client has it already."""

    content_type: str
    etag: str
    content: bytes | None


class MediaFiles:
    """Files by their path."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, path: str, *, known: str | None) -> MediaFile | None:
        """One file; its content is left out when its tag is ``known``."""
        row = (await self._connection.execute(_FIND, {"path": path, "known": known or ""})).one_or_none()
        return MediaFile(*row) if row else None

    async def save(self, path: str, content_type: str, content: bytes, *, at: datetime) -> str:
        """Keep a file at its path; returns its tag."""
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        values = {"path": path, "content_type": content_type, "content": content, "etag": etag, "at": at}
        await self._connection.execute(_SAVE, values)
        return etag
