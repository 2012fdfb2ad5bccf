"""What a category is, and the rules of the tree."""

from uuid import UUID

from shared.http.problems import Problem

MAX_DEPTH = 3
"""Three taps from the first page to the goods (PD-02)."""


class CategoryTooDeep(Problem):
    """The tree may be three deep."""

    slug, title, status = "catalog/category-too-deep", "Categories may be three deep", 409


class CategoryNameTaken(Problem):
    """Another category beside it has this name."""

    slug, title, status = "catalog/category-name-taken", "There is a category of this name here", 409


class CategoryInUse(Problem):
    """The category still holds products or categories."""

    slug, title, status = "catalog/category-in-use", "The category is not empty", 409


class CategoryCycle(Problem):
    """A category cannot be moved below itself."""

    slug, title, status = "catalog/category-cycle", "A category cannot be moved below itself", 409


def path_below(category_id: UUID, parent_path: list[UUID]) -> list[UUID]:
    """The ids from a category up to its root; raises CategoryTooDeep, CategoryCycle."""
    if category_id in parent_path:
        raise CategoryCycle()
    path = [category_id, *parent_path]
    if len(path) > MAX_DEPTH:
        raise CategoryTooDeep()
    return path
