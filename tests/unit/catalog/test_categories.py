"""The tree is at most three deep (PD-02)."""

import pytest

from services.catalog.categories.domain import CategoryCycle, CategoryTooDeep, path_below
from shared.ids import new_id


def test_a_path_runs_from_the_category_to_its_root() -> None:
    root, middle, leaf = new_id(), new_id(), new_id()
    assert path_below(leaf, [middle, root]) == [leaf, middle, root]


def test_a_fourth_level_is_refused() -> None:
    with pytest.raises(CategoryTooDeep):
        path_below(new_id(), [new_id(), new_id(), new_id()])


def test_a_category_cannot_stand_below_itself() -> None:
    category_id = new_id()
    with pytest.raises(CategoryCycle):
        path_below(category_id, [new_id(), category_id])
