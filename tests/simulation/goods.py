"""What there is before the first shopper comes: goods, people with addresses and points, coupons."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.http.identity import Kind, Principal
from shared.ids import new_id
from tests.simulation.shop import Shop

ADDRESS = {
    "recipient": "王小明",
    "phone": "13800138000",
    "province": "云南省",
    "city": "昆明市",
    "district": "盘龙区",
    "street": "北京路 1 号",
}
POINTS = 900
PRICES_FEN = (990, 2_500, 12_345)
STOCK = 5
PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the gateway vouches for them, and their coupon."""

    principal: Principal
    coupon_id: UUID


@dataclass(frozen=True, slots=True)
class Goods:
    """The SKUs on sale, who buys, and who gives refunds."""

    sku_ids: tuple[UUID, ...]
    people: tuple[Person, ...]
    owner: Principal


async def fill(shop: Shop) -> Goods:
    """Fill empty databases through the services' own doors; people are written down, for they log in elsewhere."""
    owner = Principal(Kind.OPERATOR, new_id(), new_id(), frozenset({"owner"}))
    category = await _do(
        shop, owner, "catalog", "POST", "/operator/categories", {"name": "茶", "parent_id": None}
    )
    sku_ids = []
    for number, price_fen in enumerate(PRICES_FEN):
        product = await _do(
            shop,
            owner,
            "catalog",
            "POST",
            "/operator/products",
            {
                "product_code": f"TEA{number}",
                "name": f"茶{number}",
                "category_id": category["category_id"],
                "skus": [
                    {"sku_code": f"TEA{number}-1", "options": {}, "price_fen": price_fen, "stock": STOCK}
                ],
            },
        )
        await _do(shop, owner, "catalog", "POST", f"/operator/products/{product['product_id']}/publish")
        sku_ids.append(UUID(product["skus"][0]["sku_id"]))
    template = await _do(
        shop,
        owner,
        "campaign",
        "POST",
        "/operator/coupon-templates",
        {"name": "新人券", "kind": "amount", "amount_fen": 500, "total_quota": 100, "valid_days": 7},
    )
    path = f"coupon-templates/{template['template_id']}"
    await _do(shop, owner, "campaign", "POST", f"/operator/{path}/start")
    people = [await _person(shop, owner, path) for _ in range(PEOPLE)]
    return Goods(tuple(sku_ids), tuple(people), owner)


async def _person(shop: Shop, owner: Principal, template: str) -> Person:
    member_id = new_id()
    principal = Principal(Kind.MEMBER, member_id, new_id(), wechat_openid=f"o{member_id.hex}")
    for statement in (
        "INSERT INTO members (id, registered_at) VALUES ($1, pg_catalog.now())",
        "INSERT INTO points_accounts (member_id) VALUES ($1)",
        "INSERT INTO growth_accounts (member_id, growth) VALUES ($1, 0)",
    ):
        await shop.rows("member", statement, member_id)
    await _do(shop, principal, "member", "POST", "/me/addresses", ADDRESS)
    points = {"points": POINTS, "reason": "补偿"}
    await _do(shop, owner, "member", "POST", f"/operator/members/{member_id}/points-adjustments", points)
    coupon = await _do(shop, principal, "campaign", "POST", f"/{template}/claim")
    return Person(principal, UUID(coupon["coupon_id"]))


async def _do(
    shop: Shop, who: Principal, service: str, method: str, path: str, json: Any = None
) -> dict[str, Any]:
    answer = await shop.gateway.call(
        service, method, path, on_behalf_of=who, json=json, headers={"idempotency-key": str(new_id())}
    )
    assert answer.status < 300, answer.body
    return dict(orjson.loads(answer.body)) if answer.body else {}
