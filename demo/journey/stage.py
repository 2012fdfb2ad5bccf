"""Who takes part in the journey, and what the merchant prepares for it."""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from typing import Any

import httpx

from demo.client import Client
from demo.journey.story import Story
from deploy.local.home import HOME
from shared.ids import new_id


@dataclass
class Stage:
    """The parties: the buyer, the merchant, WeChat (played by the simulator) and the carrier."""

    shop: httpx.AsyncClient
    buyer: Client
    merchant: Client
    wechat: httpx.AsyncClient
    story: Story
    suffix: str = field(default_factory=lambda: new_id().hex[-8:])
    anon_id: str = field(default_factory=lambda: str(new_id()))
    session_id: str = field(default_factory=lambda: str(new_id()))
    member_id: str = ""
    openid: str = ""
    category_id: str = ""
    full_reduction_id: str = ""
    product_ids: dict[str, str] = field(default_factory=dict)
    sku_ids: dict[str, str] = field(default_factory=dict)
    template_ids: dict[str, str] = field(default_factory=dict)
    coupon_ids: dict[str, str] = field(default_factory=dict)
    levels: list[dict[str, Any]] = field(default_factory=list)
    point_rules: dict[str, int] = field(default_factory=dict)
    freight: tuple[int, int | None] = (0, None)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    day_before: dict[str, Any] = field(default_factory=dict)

    async def wechat_does(self, path: str, body: Any) -> dict[str, Any]:
        """Something that happens at WeChat."""
        answer = await self.wechat.post(f"/_control{path}", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def wechat_knows(self, out_trade_no: str) -> dict[str, Any]:
        """What WeChat's own books say of a payment."""
        answer = await self.wechat.get(f"/_control/payments/{out_trade_no}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def carrier_reports(self, carrier: str, tracking_number: str, events: list[dict[str, Any]]) -> None:
        """The carrier's signed push."""
        body = json.dumps({"carrier": carrier, "tracking_number": tracking_number, "events": events}).encode()
        signature = hmac.new(secret("order_logistics_secret").encode(), body, hashlib.sha256).hexdigest()
        answer = await self.shop.post(
            "/callbacks/logistics",
            content=body,
            headers={"content-type": "application/json", "x-logistics-signature": signature},
        )
        answer.raise_for_status()


def secret(name: str) -> str:
    """A secret of this machine's shop: from JISHI_<NAME>, else from the shop's own folder."""
    if given := os.environ.get(f"JISHI_{name.upper()}"):
        return given
    path = HOME / "secrets" / name
    if not path.exists():
        raise SystemExit(f"No shop has been opened here yet ({path} is missing). Start one with `make run`.")
    return path.read_text()
