"""The rows of the category tree."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.catalog.categories.domain import CategoryInUse, CategoryNameTaken
from shared.connection import Connection
from shared.http.problems import Invalid

_TREE_LOCK = 0x63617465

_COLUMNS = "id, parent_id, path, name, icon_url, is_tab, sort, after_sale_policy_key"
_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")
_ALL = text(f"SELECT {_COLUMNS} FROM categories ORDER BY cardinality(path), sort, name, id")
_SAVE = text(
    "INSERT INTO categories (id, parent_id, path, name, icon_url, is_tab, sort, after_sale_policy_key, updated_at)"
    " VALUES (:id, :parent_id, :path, :name, :icon_url, :is_tab, :sort, :after_sale_policy_key, :at)"
    " ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, path = excluded.path, name = excluded.name,"
    " icon_url = excluded.icon_url, is_tab = excluded.is_tab, sort = excluded.sort,"
    " after_sale_policy_key = excluded.after_sale_policy_key, updated_at = excluded.updated_at"
)
_DELETE = text("DELETE FROM categories WHERE id = :id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A shelf of the shop; ``path`` holds the ids from itself up to its root."""

    id: UUID
    parent_id: UUID | None
    path: list[UUID]
    name: str
    icon_url: str | None = None
    is_tab: bool = False
    sort: int = 0
    after_sale_policy_key: str | None = None


class Categories:
    """The whole tree: small, read and changed as one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> list[Category]:
        """Every category, parents first, each shelf in its own order."""
        rows = await self._connection.execute(_ALL)
        return [Category(**row) for row in rows]

    async def lock(self) -> dict[UUID, Category]:
        """Every category by id; nobody else changes the tree until this transaction ends."""
        await self._connection.execute(_LOCK, {"lock": _TREE_LOCK})
        return {category.id: category for category in await self.all()}

    async def save(self, *categories: Category, at: datetime) -> None:
        """Insert or replace; raises CategoryNameTaken, Invalid for an unknown policy."""
        values: list[dict[str, Any]] = [
            {name: getattr(category, name) for name in Category.__slots__} | {"at": at}
            for category in categories
        ]
        try:
            await self._connection.execute_many(_SAVE, values)
        except IntegrityError as error:
            if "categories_name_key" in str(error.orig):
                raise CategoryNameTaken() from error
            raise Invalid("There is no such after-sale policy.") from error

    async def delete(self, category_id: UUID) -> None:
        """Forget an empty category; raises CategoryInUse."""
        try:
            await self._connection.execute(_DELETE, {"id": category_id})
        except IntegrityError as error:
            raise CategoryInUse() from error
