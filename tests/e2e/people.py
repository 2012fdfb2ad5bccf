"""Shoppers and operators in front of the gateway of a whole shop, with real logins."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from shared.http.callers import ROLES
from shared.ids import new_id
from tests.support.shop import Shop

ADDRESS = {
    "recipient": "王小明",
    "phone": "13800138000",
    "province": "云南省",
    "city": "昆明市",
    "district": "盘龙区",
    "street": "北京路 1 号",
}
PASSWORD = "a long enough password"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the door; nobody in particular without a token."""

    shop: Shop
    token: str | None = None
    id: str = ""

    async def ask(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """One request, with an Idempotency-Key of its own."""
        headers = {"idempotency-key": str(new_id())} | more.pop("headers", {})
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        async with self.shop.browser() as browser:
            if json is not None:
                more["json"] = json
            return await browser.request(method, path, headers=headers, **more)

    async def must(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """One request that must succeed."""
        answer = await self.ask(method, path, json, **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@dataclass(frozen=True, slots=True)
class Street:
    """Everybody, and what an owner puts on the shelves."""

    shop: Shop
    owner: Person

    @property
    def nobody(self) -> Person:
        return Person(self.shop)

    async def operators(self) -> dict[str, Person]:
        """One operator for each role."""
        return dict(zip(ROLES, await asyncio.gather(*map(self._operator, ROLES)), strict=True))

    async def _operator(self, role: str) -> Person:
        username = f"o{new_id().hex}"
        made = await self.owner.must(
            "POST", "/operator/operators", {"username": username, "password": PASSWORD, "roles": [role]}
        )
        return Person(self.shop, await operator_token(self.shop, username, PASSWORD), made["operator_id"])

    async def customer(self, *, points: int = 0) -> Person:
        """A new member with a default address, and so many points."""
        openid = await self.shop.wechat.user()
        code = await self.shop.wechat.login_code(openid)
        login = await self.nobody.must("POST", "/auth/wechat/login", {"code": code})
        customer = Person(self.shop, login["token"], login["member_id"])
        await customer.must("POST", "/me/addresses", ADDRESS)
        if points:
            await self.owner.must(
                "POST",
                f"/operator/members/{customer.id}/points-adjustments",
                {"points": points, "reason": "补偿"},
            )
        return customer

    async def sku(self, *, price_fen: int = 1_000, stock: int = 10) -> dict[str, Any]:
        """The only SKU of a new product on sale; ``product_id`` too."""
        code = f"P{new_id().hex[-14:].upper()}"
        category = await self.owner.must(
            "POST", "/operator/categories", {"name": f"分类{code}", "parent_id": None}
        )
        product = await self.owner.must(
            "POST",
            "/operator/products",
            {
                "product_code": code,
                "name": f"商品{code}",
                "category_id": category["category_id"],
                "options": [{"name": "款式", "values": ["唯一"]}],
                "skus": [
                    {
                        "sku_code": f"{code}-1",
                        "options": {"款式": "唯一"},
                        "price_fen": price_fen,
                        "stock": stock,
                    }
                ],
            },
        )
        published = await self.owner.must("POST", f"/operator/products/{product['product_id']}/publish")
        found: dict[str, Any] = published["skus"][0]
        return found | {"product_id": product["product_id"]}

    async def coupon(self, customer: Person, **terms: Any) -> str:
        """A coupon of the customer's: 5 yuan off unless told otherwise."""
        template = await self.owner.must(
            "POST",
            "/operator/coupon-templates",
            {"name": "新人券", "kind": "amount", "amount_fen": 500, "total_quota": 100, "valid_days": 7}
            | terms,
        )
        path = f"coupon-templates/{template['template_id']}"
        await self.owner.must("POST", f"/operator/{path}/start")
        return str((await customer.must("POST", f"/{path}/claim"))["coupon_id"])

    async def order(self, customer: Person, sku_id: str, quantity: int = 1, **wish: Any) -> dict[str, Any]:
        """An order that waits for payment."""
        body = {"lines": [{"sku_id": sku_id, "quantity": quantity}]} | wish
        quote = await customer.must("POST", "/checkout/preview", body)
        placed = await customer.must(
            "POST", "/orders", body | {"quote_fingerprint": quote["quote_fingerprint"]}
        )
        return dict(placed)


async def operator_token(shop: Shop, username: str, password: str) -> str:
    """An operator logs in."""
    login = await Person(shop).must(
        "POST", "/operator/auth/login", {"username": username, "password": password}
    )
    return str(login["token"])


async def open_street(shop: Shop) -> Street:
    """The owner logs in."""
    password = (shop.folder / "secrets" / "gateway_owner_password").read_text()
    return Street(shop, Person(shop, await operator_token(shop, "owner", password)))
