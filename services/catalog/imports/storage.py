"""The rows of imports and their errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.catalog.imports.rows import RowError
from shared.connection import Connection

_COLUMNS = (
    "id, file_name, sha256, state, rows_total, rows_created, rows_updated, rows_unchanged, rows_failed,"
    " products_done, created_at, finished_at"
)
_ADD = text(
    "INSERT INTO product_imports (id, file_name, sha256, content, state, rows_total, created_by, created_at)"
    " VALUES (:id, :file_name, :sha256, :content, 'waiting', :rows_total, :created_by, :at)"
)
_FIND = text(f"SELECT {_COLUMNS} FROM product_imports WHERE id = :id")
_LOCK = text(f"SELECT {_COLUMNS} FROM product_imports WHERE id = :id FOR UPDATE")
_CONTENT = text("SELECT content FROM product_imports WHERE id = :id")
_ADVANCE = text(
    "UPDATE product_imports SET state = 'running', rows_created = rows_created + :created,"
    " rows_updated = rows_updated + :updated, rows_unchanged = rows_unchanged + :unchanged,"
    " rows_failed = rows_failed + :failed, products_done = products_done + :products WHERE id = :id"
)
_FINISH = text(
    "UPDATE product_imports SET state = 'done', finished_at = :at WHERE id = :id AND state <> 'done'"
)
_ADD_ERRORS = text("""
    INSERT INTO product_import_errors (import_id, row_number, column_name, reason)
    SELECT :id, row_number, column_name, reason FROM unnest(CAST(:row_numbers AS integer[]),
           CAST(:columns AS text[]), CAST(:reasons AS text[])) AS e(row_number, column_name, reason)""")
_ERRORS = text(
    "SELECT row_number, column_name, reason FROM product_import_errors WHERE import_id = :id"
    " AND (row_number, column_name) > (:row_number, :column) ORDER BY row_number, column_name LIMIT :limit"
)


class ImportState(StrEnum):
    """How far an import is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ProductImport:
    """An uploaded file and how much of it was taken over."""

    id: UUID
    file_name: str
    sha256: str
    state: ImportState
    rows_total: int
    rows_created: int
    rows_updated: int
    rows_unchanged: int
    rows_failed: int
    products_done: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What one batch of an import did."""

    products: int
    created: int
    updated: int
    unchanged: int
    failed: int


class ProductImports:
    """Uploaded files and what became of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, product_import: ProductImport, content: bytes, *, created_by: UUID | None) -> None:
        """Keep an uploaded file."""
        values = {
            "id": product_import.id,
            "file_name": product_import.file_name,
            "sha256": product_import.sha256,
            "content": content,
            "rows_total": product_import.rows_total,
            "created_by": created_by,
            "at": product_import.created_at,
        }
        await self._connection.execute(_ADD, values)

    async def find(self, import_id: UUID) -> ProductImport | None:
        """One import."""
        return self._import((await self._connection.execute(_FIND, {"id": import_id})).one_or_none())

    async def lock(self, import_id: UUID) -> ProductImport | None:
        """One import; nobody else advances it until this transaction ends."""
        return self._import((await self._connection.execute(_LOCK, {"id": import_id})).one_or_none())

    async def content(self, import_id: UUID) -> bytes:
        """The uploaded file."""
        return bytes((await self._connection.execute(_CONTENT, {"id": import_id})).scalar_one())

    async def advance(self, import_id: UUID, progress: Progress, errors: Sequence[RowError]) -> None:
        """Record what a batch did, in the batch's own transaction."""
        values = {name: getattr(progress, name) for name in Progress.__slots__}
        await self._connection.execute(_ADVANCE, values | {"id": import_id})
        if errors:
            await self._connection.execute(
                _ADD_ERRORS,
                {
                    "id": import_id,
                    "row_numbers": [error.row_number for error in errors],
                    "columns": [error.column for error in errors],
                    "reasons": [error.reason for error in errors],
                },
            )

    async def finish(self, import_id: UUID, *, at: datetime) -> None:
        """Record that the whole file was gone through."""
        await self._connection.execute(_FINISH, {"id": import_id, "at": at})

    async def errors(self, import_id: UUID, *, after: tuple[int, str], limit: int) -> list[RowError]:
        """What was wrong, row by row."""
        values = {"id": import_id, "row_number": after[0], "column": after[1], "limit": limit}
        return [RowError(*row) for row in await self._connection.execute(_ERRORS, values)]

    @staticmethod
    def _import(row: Any) -> ProductImport | None:
        return ProductImport(**dict(row) | {"state": ImportState(row.state)}) if row else None
