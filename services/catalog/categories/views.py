"""How categories look from outside."""

from typing import Any
from uuid import UUID

from services.catalog.categories.storage import Category
from shared.http.bodies import View


class CategoryNode(View):
    """A category with everything below it, as shoppers browse it."""

    category_id: UUID
    name: str
    icon_url: str | None
    is_tab: bool
    children: list["CategoryNode"]


class CategoryTree(View):
    """The whole tree; categories with ``is_tab`` stand in the bottom bar (PD-02)."""

    items: list[CategoryNode]


class CategoryView(View):
    """A category as operators see it; ``path`` holds the ids from itself up to its root."""

    category_id: UUID
    parent_id: UUID | None
    path: list[UUID]
    name: str
    icon_url: str | None
    is_tab: bool
    sort: int
    after_sale_policy_key: str | None

    @classmethod
    def of(cls, category: Category) -> "CategoryView":
        """The view of a stored category."""
        values = {name: getattr(category, name) for name in Category.__slots__ if name != "id"}
        return cls(category_id=category.id, **values)


class CategoryList(View):
    """Every category, parents first."""

    items: list[CategoryView]


def tree_of(categories: list[Category]) -> dict[str, Any]:
    """The document of CategoryTree, from categories listed parents first."""
    nodes: dict[UUID | None, dict[str, Any]] = {None: {"children": []}}
    for category in categories:
        node = {
            "category_id": category.id,
            "name": category.name,
            "icon_url": category.icon_url,
            "is_tab": category.is_tab,
            "children": [],
        }
        nodes[category.id] = node
        nodes[category.parent_id]["children"].append(node)
    return {"items": nodes[None]["children"]}
