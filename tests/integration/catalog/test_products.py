"""Products as shoppers see them and operators keep them (PD-01, PD-03, PD-12)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.integration.catalog.goods import Catalog, paid


async def listed(catalog: Catalog, **params: Any) -> list[str]:
    """The ids of a whole list, gathered page by page."""
    seen: list[str] = []
    after: str | None = None
    while True:
        page = (await catalog.get("/products", params=params | ({"after": after} if after else {}))).json()
        seen += [item["product_id"] for item in page["items"]]
        after = page["next"]
        if after is None:
            return seen


async def test_a_draft_is_seen_by_operators_only_until_it_is_published(catalog: Catalog) -> None:
    product = await catalog.product(on_sale=False)
    product_id = product["product_id"]
    assert product["status"] == "draft"
    assert (await catalog.get(f"/products/{product_id}")).status_code == 404
    published = await catalog.operate("POST", f"/operator/products/{product_id}/publish")
    assert (published["status"], published["version"]) == ("on_sale", 2)
    assert (await catalog.get(f"/products/{product_id}")).status_code == 200
    await catalog.operate("POST", f"/operator/products/{product_id}/unpublish")
    assert (await catalog.get(f"/products/{product_id}")).status_code == 404
    status, problem = await catalog.refused("POST", f"/operator/products/{product_id}/unpublish")
    assert (status, problem["type"]) == (409, "/problems/catalog/illegal-product-status")


async def test_a_product_with_nothing_to_sell_cannot_be_published(catalog: Catalog) -> None:
    product = await catalog.product(on_sale=False, skus=[], options=[])
    status, problem = await catalog.refused("POST", f"/operator/products/{product['product_id']}/publish")
    assert (status, problem["type"]) == (409, "/problems/catalog/product-not-ready")


async def test_the_detail_tells_everything_a_shopper_needs(catalog: Catalog) -> None:
    root = await catalog.category("根" + new_id().hex[-8:])
    leaf = await catalog.category("叶", root)
    policy = f"policy-{new_id().hex[-8:]}"
    await catalog.operate(
        "POST",
        "/operator/after-sale-policies",
        {"key": policy, "title": "七天无理由", "text": "签收后七天内可退。", "days": 7},
    )
    media = [
        {"kind": "video", "url": "/media/a.mp4", "alt": None, "width": None, "height": None},
        {"kind": "image", "url": "/media/a.webp", "alt": "正面", "width": 800, "height": 800},
    ]
    product = await catalog.product(
        category_id=leaf,
        sku_count=2,
        subtitle="窑变",
        brand="初汀",
        description="柴烧。",
        media=media,
        attributes=[{"name": "材质", "value": "陶"}],
        after_sale_policy_key=policy,
    )
    detail = (await catalog.get(f"/products/{product['product_id']}")).json()
    assert detail["categories"] == [
        {"category_id": root, "name": detail["categories"][0]["name"]},
        {"category_id": leaf, "name": "叶"},
    ]
    assert detail["after_sale_policy"] == {
        "key": policy,
        "title": "七天无理由",
        "text": "签收后七天内可退。",
        "days": 7,
    }
    assert (detail["min_price_fen"], detail["max_price_fen"], detail["is_in_stock"]) == (1000, 1001, True)
    assert (detail["media"], detail["image_url"]) == (media, "/media/a.webp")
    assert detail["options"] == [{"name": "款式", "values": ["第0款", "第1款"]}]
    assert [
        (sku["options"], sku["price_fen"], sku["available"], sku["image_url"]) for sku in detail["skus"]
    ] == [
        ({"款式": "第0款"}, 1000, 10, "/media/a.webp"),
        ({"款式": "第1款"}, 1001, 10, "/media/a.webp"),
    ]


async def test_a_category_lists_what_is_on_sale_in_it_and_below_it_and_nothing_else(catalog: Catalog) -> None:
    root = await catalog.category()
    leaf = await catalog.category(parent_id=await catalog.category(parent_id=root))
    here = (await catalog.product(category_id=root))["product_id"]
    below = (await catalog.product(category_id=leaf))["product_id"]
    await catalog.product(category_id=leaf, on_sale=False)
    await catalog.product()
    assert await listed(catalog, category_id=root) == [below, here]
    assert await listed(catalog, category_id=leaf) == [below]
    assert await listed(catalog, category_id=str(new_id())) == []


@pytest.mark.parametrize("sort", ["newest", "sales", "price", "price_desc"])
async def test_each_order_lists_every_product_once_page_by_page(catalog: Catalog, sort: str) -> None:
    category_id = await catalog.category()
    products = []
    for number in range(7):
        code = f"S{new_id().hex[-14:]}"
        price_fen = 1000 + 100 * (number % 3)
        sku = {"sku_code": code, "price_fen": price_fen, "stock": 1}
        product = await catalog.product(category_id=category_id, skus=[sku], options=[])
        sold = number % 2
        if sold:
            await catalog.announce(
                "count-sales", paid(new_id(), {product["skus"][0]["sku_id"]: sold}, product["product_id"])
            )
        products.append((product["product_id"], number, sold, price_fen))
    key = {
        "newest": lambda product: (product[1], product[0]),
        "sales": lambda product: (product[2], product[0]),
        "price": lambda product: (-product[3], ""),
        "price_desc": lambda product: (product[3], product[0]),
    }[sort]
    expected = [product[0] for product in sorted(products, key=key, reverse=True)]
    if sort == "price":
        expected = [product[0] for product in sorted(products, key=lambda product: (product[3], product[0]))]
    assert await listed(catalog, category_id=category_id, sort=sort, limit=2) == expected
    assert await listed(catalog, category_id=category_id, sort=sort, limit=100) == expected


async def test_lists_details_and_lookups_take_as_many_statements_for_50_products_as_for_one(
    catalog: Catalog,
) -> None:
    one, many = await catalog.category(), await catalog.category()
    few = [await catalog.product(category_id=one)]
    lots = [await catalog.product(category_id=many, sku_count=3) for _ in range(50)]
    order = catalog.shop.as_service("order")
    counts = []
    for category_id, products in ((one, few), (many, lots)):
        with catalog.statements() as sent:
            answer = await catalog.get("/products", params={"category_id": category_id, "limit": 100})
        assert len(answer.json()["items"]) == len(products)
        counts.append(("list", len(sent)))
        with catalog.statements() as sent:
            await catalog.get(f"/products/{products[0]['product_id']}")
        counts.append(("detail", len(sent)))
        with catalog.statements() as sent:
            sku_ids = [sku["sku_id"] for product in products for sku in product["skus"]]
            await order.post("catalog", "/internal/skus/lookup", {"sku_ids": sku_ids})
        counts.append(("lookup", len(sent)))
    assert counts == [("list", 1), ("detail", 1), ("lookup", 1)] * 2


async def test_checkout_finds_what_it_needs_of_skus_and_unknown_ones_are_left_out(catalog: Catalog) -> None:
    root = await catalog.category()
    leaf = await catalog.category(parent_id=root)
    product = await catalog.product(category_id=leaf, stock=4)
    sku = product["skus"][0]
    await catalog.reserve(new_id(), {sku["sku_id"]: 1})
    order = catalog.shop.as_service("order")
    answer = await order.post("catalog", "/internal/skus/lookup", {"sku_ids": [sku["sku_id"], str(new_id())]})
    [found] = answer.json()["items"]
    policy = found.pop("after_sale_policy")
    assert found == {
        "sku_id": sku["sku_id"],
        "sku_code": sku["sku_code"],
        "product_id": product["product_id"],
        "product_name": product["name"],
        "options": {"款式": "第0款"},
        "image_url": None,
        "category_ids": [leaf, root],
        "unit_price_fen": 1000,
        "market_price_fen": None,
        "weight_grams": 0,
        "is_on_sale": True,
        "available": 3,
    }
    assert policy is None or policy["key"]
    await catalog.operate("POST", f"/operator/products/{product['product_id']}/unpublish")
    answer = await order.post("catalog", "/internal/skus/lookup", {"sku_ids": [sku["sku_id"]]})
    assert answer.json()["items"][0]["is_on_sale"] is False


async def test_the_policy_of_a_product_is_its_own_or_its_nearest_categorys(catalog: Catalog) -> None:
    keys = [f"policy-{name}-{new_id().hex[-8:]}" for name in ("own", "leaf", "root")]
    for key in keys:
        body = {"key": key, "title": "售后", "text": "可退。", "days": 7}
        await catalog.operate("POST", "/operator/after-sale-policies", body)
    own, of_leaf, of_root = keys
    root = await catalog.category(after_sale_policy_key=of_root)
    leaf = await catalog.category(parent_id=root, after_sale_policy_key=of_leaf)
    plain = await catalog.category(parent_id=root)
    cases: list[tuple[str, dict[str, Any], str]] = [
        (leaf, {"after_sale_policy_key": own}, own),
        (leaf, {}, of_leaf),
        (plain, {}, of_root),
    ]
    for category_id, more, key in cases:
        product = await catalog.product(category_id=category_id, **more)
        detail = (await catalog.get(f"/products/{product['product_id']}")).json()
        assert detail["after_sale_policy"]["key"] == key


async def test_of_two_operators_who_read_the_same_version_one_changes_it(catalog: Catalog) -> None:
    product = await catalog.product()
    path = f"/operator/products/{product['product_id']}"
    operator = catalog.shop.as_operator("operations")
    answers = await asyncio.gather(
        *(
            operator.patch("catalog", path, {"version": product["version"], "name": f"第{number}个名字"})
            for number in range(2)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refusal = next(answer for answer in answers if answer.status_code == 409)
    assert refusal.json()["type"] == "/problems/catalog/product-changed"
    kept = next(answer for answer in answers if answer.status_code == 200).json()
    assert (await operator.get("catalog", path)).json() == kept


async def test_a_change_leaves_what_it_does_not_name(catalog: Catalog) -> None:
    product = await catalog.product(subtitle="旧", brand="初汀", keywords=["碗"])
    path = f"/operator/products/{product['product_id']}"
    changed = await catalog.operate("PATCH", path, {"version": product["version"], "subtitle": None})
    assert changed == product | {"subtitle": None, "version": product["version"] + 1}


async def test_skus_are_added_changed_and_withdrawn_by_their_code(catalog: Catalog) -> None:
    product = await catalog.product(sku_count=2)
    path = f"/operator/products/{product['product_id']}/skus/"
    first, second = product["skus"]
    dearer = await catalog.operate(
        "PUT", path + first["sku_code"], {"options": first["options"], "price_fen": 9900}
    )
    assert [sku["price_fen"] for sku in dearer["skus"]] == [9900, 1001]
    withdrawn = {"options": second["options"], "price_fen": 1001, "is_active": False}
    await catalog.operate("PUT", path + second["sku_code"], withdrawn)
    detail = (await catalog.get(f"/products/{product['product_id']}")).json()
    assert [sku["sku_code"] for sku in detail["skus"]] == [first["sku_code"]]
    assert (detail["min_price_fen"], detail["max_price_fen"]) == (9900, 9900)
    again = await catalog.operate(
        "PUT", path + f"N{new_id().hex}", {"options": second["options"], "price_fen": 5}
    )
    assert [sku["on_hand"] for sku in again["skus"]] == [10, 10, 0]
    status, _ = await catalog.refused("PUT", path + "X1", {"options": {"款式": "没有"}, "price_fen": 5})
    assert status == 422
    taken = (await catalog.product())["skus"][0]["sku_code"]
    status, _ = await catalog.refused("PUT", path + taken, {"options": {"款式": "第1款"}, "price_fen": 5})
    assert status in (409, 422)


async def test_a_code_belongs_to_one_product_and_one_sku(catalog: Catalog) -> None:
    product = await catalog.product()
    status, problem = await catalog.refused(
        "POST",
        "/operator/products",
        {"product_code": product["product_code"], "name": "同码", "category_id": product["category_id"]},
    )
    assert (status, problem["type"]) == (409, "/problems/catalog/product-code-taken")
    sku = {"sku_code": product["skus"][0]["sku_code"], "price_fen": 1}
    status, problem = await catalog.refused(
        "POST",
        "/operator/products",
        {
            "product_code": f"N{new_id().hex}",
            "name": "同码",
            "category_id": product["category_id"],
            "skus": [sku],
        },
    )
    assert (status, problem["type"]) == (409, "/problems/catalog/sku-taken")


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_fen": -1},
        {"price_fen": 1.5},
        {"price_fen": "100"},
        {"price_fen": True},
        {"price_fen": 10**10 + 1},
        {"stock": -1},
        {"stock": 2**63},
        {"image_url": "javascript:alert(1)"},
        {"image_url": "http://plain.example/a.png"},
        {"status": "on_sale"},
    ],
)
async def test_wrong_numbers_addresses_and_fields_are_refused(
    catalog: Catalog, wrong: dict[str, Any]
) -> None:
    sku = {"sku_code": f"S{new_id().hex}", "price_fen": 100} | wrong
    body = {"product_code": f"P{new_id().hex}", "name": "错", "category_id": str(new_id()), "skus": [sku]}
    status, problem = await catalog.refused("POST", "/operator/products", body)
    assert (status, problem["type"]) == (422, "/problems/invalid-request")


async def test_every_change_is_announced_and_written_to_the_audit_log(catalog: Catalog) -> None:
    product = await catalog.product(on_sale=False)
    product_id = product["product_id"]
    path = f"/operator/products/{product_id}"
    await catalog.operate("PATCH", path, {"version": 1, "name": "新名字"})
    await catalog.operate("POST", f"{path}/publish")
    events = await catalog.execute(
        "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox WHERE subject = :id ORDER BY id",
        id=product_id,
    )
    assert [(row.data["version"], row.data["status"], row.data["name"]) for row in events] == [
        (1, "draft", product["name"]),
        (2, "draft", "新名字"),
        (3, "on_sale", "新名字"),
    ]
    entries = await catalog.execute(
        "SELECT action, actor_roles, before, after FROM audit_log WHERE subject = :subject ORDER BY position",
        subject=f"product/{product_id}",
    )
    assert [entry.action for entry in entries] == ["product.create", "product.change", "product.publish"]
    assert (entries[1].before, entries[1].after) == ({"name": product["name"]}, {"name": "新名字"})
    assert entries[0].actor_roles == ["operations"]


async def test_operators_list_products_by_status_category_and_words(catalog: Catalog) -> None:
    category_id = await catalog.category()
    draft = await catalog.product(category_id=category_id, on_sale=False, name="百分%之_百")
    on_sale = await catalog.product(category_id=category_id)

    async def ids(**params: Any) -> list[str]:
        auditor = catalog.shop.as_operator("auditor")
        page = (
            await auditor.get("catalog", "/operator/products", params={"category_id": category_id} | params)
        ).json()
        return [item["product_id"] for item in page["items"]]

    assert await ids() == [on_sale["product_id"], draft["product_id"]]
    assert await ids(status="draft") == [draft["product_id"]]
    assert await ids(words="%之_") == [draft["product_id"]]
    assert await ids(words=on_sale["product_code"].lower()) == [on_sale["product_id"]]


async def test_stock_is_adjusted_once_a_key_and_never_below_what_is_promised(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=10)
    await catalog.reserve(new_id(), {sku_id: 4})
    path = f"/operator/skus/{sku_id}/stock-adjustments"
    operator = catalog.shop.as_operator("operations")
    key = {"Idempotency-Key": new_id().hex}
    answers = [
        await operator.post("catalog", path, {"change": -5, "reason": "破损"}, headers=key) for _ in range(2)
    ]
    assert [answer.json() for answer in answers] == [
        {"sku_id": sku_id, "on_hand": 5, "reserved": 4, "available": 1, "sold": 0}
    ] * 2
    for change, status in ((-2, 409), (10**10, 422), (2**70, 422)):
        answer = await operator.post(
            "catalog", path, {"change": change, "reason": "x"}, headers={"Idempotency-Key": new_id().hex}
        )
        assert answer.status_code == status
    assert (await operator.post("catalog", path, {"change": 1, "reason": "x"})).status_code == 400
    assert await catalog.stock(sku_id) == (5, 4, 0)
    movements = (await operator.get("catalog", f"/operator/skus/{sku_id}/stock-movements")).json()["items"]
    assert [(move["kind"], move["on_hand"], move["reserved"], move["reason"]) for move in movements] == [
        ("adjust", -5, 0, "破损"),
        ("hold", 0, 4, None),
        ("receive", 10, 0, None),
    ]
    gone = await operator.post(
        "catalog",
        f"/operator/skus/{new_id()}/stock-adjustments",
        {"change": 1, "reason": "x"},
        headers={"Idempotency-Key": new_id().hex},
    )
    assert gone.status_code == 404


async def test_the_ledger_of_movements_cannot_be_rewritten(catalog: Catalog) -> None:
    sku_id = await catalog.sku()
    for statement in (
        "UPDATE stock_movements SET on_hand = 99 WHERE sku_id = :id",
        "DELETE FROM stock_movements WHERE sku_id = :id",
    ):
        with pytest.raises(Exception, match="permission denied"):
            await catalog.execute(statement, id=UUID(sku_id))
