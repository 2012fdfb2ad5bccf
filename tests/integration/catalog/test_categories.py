"""The tree that shoppers browse (PD-02)."""

import asyncio
from typing import Any

from shared.ids import new_id
from tests.integration.catalog.goods import Catalog


async def node(catalog: Catalog, category_id: str) -> dict[str, Any]:
    """A top category as shoppers see it."""
    tree = (await catalog.get("/categories")).json()["items"]
    return next(dict(each) for each in tree if each["category_id"] == category_id)


async def test_the_tree_shows_every_level_in_its_order(catalog: Catalog) -> None:
    root = await catalog.category(icon_url="/media/c.svg", is_tab=True)
    last = await catalog.category("乙", root, sort=2)
    first = await catalog.category("甲", root, sort=1)
    leaf = await catalog.category("丙", first)
    found = await node(catalog, root)
    assert (found["icon_url"], found["is_tab"]) == ("/media/c.svg", True)
    assert [child["category_id"] for child in found["children"]] == [first, last]
    assert [child["category_id"] for child in found["children"][0]["children"]] == [leaf]


async def test_a_tree_that_did_not_change_is_not_sent_again(catalog: Catalog) -> None:
    answer = await catalog.get("/categories")
    again = await catalog.get("/categories", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await catalog.category()
    changed = await catalog.get("/categories", headers={"if-none-match": answer.headers["etag"]})
    assert changed.status_code == 200


async def test_a_fourth_level_is_refused_when_made_and_when_moved(catalog: Catalog) -> None:
    one = await catalog.category()
    two = await catalog.category(parent_id=one)
    three = await catalog.category(parent_id=two)
    status, problem = await catalog.refused(
        "POST", "/operator/categories", {"name": "四", "parent_id": three}
    )
    assert (status, problem["type"]) == (409, "/problems/catalog/category-too-deep")
    top = await catalog.category()
    status, problem = await catalog.refused("PATCH", f"/operator/categories/{one}", {"parent_id": top})
    assert (status, problem["type"]) == (409, "/problems/catalog/category-too-deep")
    status, problem = await catalog.refused("PATCH", f"/operator/categories/{one}", {"parent_id": three})
    assert (status, problem["type"]) == (409, "/problems/catalog/category-cycle")


async def test_two_moves_at_once_cannot_make_a_fourth_level(catalog: Catalog) -> None:
    top, middle, under, leaf = [await catalog.category() for _ in range(4)]
    await catalog.operate("PATCH", f"/operator/categories/{leaf}", {"parent_id": under})
    operator = catalog.shop.as_operator("operations")
    answers = await asyncio.gather(
        operator.patch("catalog", f"/operator/categories/{middle}", {"parent_id": top}),
        operator.patch("catalog", f"/operator/categories/{under}", {"parent_id": middle}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_moved_category_takes_what_is_below_it_along(catalog: Catalog) -> None:
    old, new = await catalog.category(), await catalog.category()
    moved = await catalog.category(parent_id=old)
    product = await catalog.product(category_id=moved)
    await catalog.operate("PATCH", f"/operator/categories/{moved}", {"parent_id": new})
    for category_id, ids in ((old, []), (new, [product["product_id"]])):
        items = (await catalog.get("/products", params={"category_id": category_id})).json()["items"]
        assert [item["product_id"] for item in items] == ids


async def test_two_categories_side_by_side_have_different_names(catalog: Catalog) -> None:
    root = await catalog.category()
    await catalog.category("甲", root)
    status, problem = await catalog.refused("POST", "/operator/categories", {"name": "甲", "parent_id": root})
    assert (status, problem["type"]) == (409, "/problems/catalog/category-name-taken")


async def test_only_an_empty_category_can_be_removed(catalog: Catalog) -> None:
    root = await catalog.category()
    child = await catalog.category(parent_id=root)
    product = await catalog.product(category_id=child)
    for category_id in (root, child):
        status, problem = await catalog.refused("DELETE", f"/operator/categories/{category_id}")
        assert (status, problem["type"]) == (409, "/problems/catalog/category-in-use")
    await catalog.operate(
        "PATCH",
        f"/operator/products/{product['product_id']}",
        {"version": product["version"], "category_id": await catalog.category()},
    )
    await catalog.operate("DELETE", f"/operator/categories/{child}")
    await catalog.operate("DELETE", f"/operator/categories/{root}")
    status, _ = await catalog.refused("DELETE", f"/operator/categories/{root}")
    assert status == 404


async def test_unknown_parents_and_policies_are_refused(catalog: Catalog) -> None:
    for wrong in ({"parent_id": str(new_id())}, {"after_sale_policy_key": "no-such-policy"}):
        status, _ = await catalog.refused("POST", "/operator/categories", {"name": f"类{new_id()}"} | wrong)
        assert status == 422
