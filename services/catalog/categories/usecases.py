"""Building and rearranging the category tree."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.catalog.categories.domain import path_below
from services.catalog.categories.storage import Categories, Category
from services.catalog.search.usecases import reindex_category
from shared.connection import Connection
from shared.database import UnitOfWork
from shared.http.problems import Invalid, NotFound
from shared.ids import new_id


async def add_category(
    work: UnitOfWork, *, name: str, parent_id: UUID | None, details: Mapping[str, Any], at: datetime
) -> Category:
    """Put a new shelf below another, or at the top; raises CategoryTooDeep, CategoryNameTaken, Invalid."""
    categories = Categories(work.connection)
    category_id = new_id()
    path = path_below(category_id, _parent_path(await categories.lock(), parent_id))
    category = Category(id=category_id, parent_id=parent_id, path=path, name=name, **details)
    await categories.save(category, at=at)
    return category


async def change_category(
    work: UnitOfWork, category_id: UUID, changes: Mapping[str, Any], *, at: datetime
) -> tuple[Category, Category]:
    """Rename, decorate or move a shelf with everything below it; returns it before and after.

    Raises NotFound, CategoryTooDeep, CategoryCycle, CategoryNameTaken, Invalid.
    """
    categories = Categories(work.connection)
    tree = await categories.lock()
    if (before := tree.get(category_id)) is None:
        raise NotFound()
    after = replace(before, **changes)
    after = replace(after, path=path_below(category_id, _parent_path(tree, after.parent_id)))
    below = [category for category in tree.values() if category_id in category.path[1:]]
    moved = [
        replace(each, path=path_below(each.id, [*_between(each, category_id), *after.path])) for each in below
    ]
    await categories.save(after, *moved, at=at)
    await reindex_category(work, category_id, at=at)
    return before, after


async def remove_category(work: UnitOfWork, category_id: UUID) -> Category:
    """Take an empty shelf away and return what it was; raises NotFound, CategoryInUse."""
    categories = Categories(work.connection)
    if (category := (await categories.lock()).get(category_id)) is None:
        raise NotFound()
    await categories.delete(category_id)
    return category


async def category_ids_by_path(connection: Connection) -> dict[tuple[str, ...], UUID]:
    """The id of every category by the names from the root down to it."""
    categories = {category.id: category for category in await Categories(connection).all()}
    return {
        tuple(categories[step].name for step in reversed(each.path)): each.id for each in categories.values()
    }


def _parent_path(tree: Mapping[UUID, Category], parent_id: UUID | None) -> list[UUID]:
    if parent_id is None:
        return []
    if parent_id not in tree:
        raise Invalid("There is no such parent category.")
    return tree[parent_id].path


def _between(category: Category, ancestor_id: UUID) -> list[UUID]:
    """The ids strictly between a category and one of its ancestors."""
    return category.path[1 : category.path.index(ancestor_id)]
