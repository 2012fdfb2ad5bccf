"""Shoppers who have logged in, through WeChat's simulator and the shop's own door."""

import asyncio
from dataclasses import dataclass

from benchmarks.api import Api, Refused
from benchmarks.shop import Shop
from deploy.local.folder import LocalServerError

AT_ONCE = 8
OWNER_TRIES = 10
ADDRESS = {
    "recipient": "陈小满",
    "phone": "15400000001",
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "street": "文三路 1 号",
}


@dataclass(frozen=True, slots=True)
class Shopper:
    """A member with a session and an address."""

    openid: str
    token: str

    def told(self) -> dict[str, str]:
        """As a plan names them."""
        return {"openid": self.openid, "token": self.token}


async def logged_in(shop: Shop, *, count: int) -> list[Shopper]:
    """So many new members."""
    left = count
    found: list[Shopper] = []

    async def arrive() -> None:
        nonlocal left
        wechat, door = Api(shop.simulator_url), Api(shop.url)
        while left > 0:
            left -= 1
            openid = (await wechat.post("/_control/users", {"nickname": "顾客", "phone": ADDRESS["phone"]}))[
                "openid"
            ]
            code = (await wechat.post("/_control/login-codes", {"openid": openid}))["code"]
            door.token = None
            door.token = (await door.post("/auth/wechat/login", {"code": code}))["token"]
            await door.post("/me/addresses", ADDRESS)
            assert door.token is not None
            found.append(Shopper(openid, door.token))
        wechat.close()
        door.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(arrive())
    return found


async def operator_of(shop: Shop) -> Api:
    """The owner, logged in."""
    operator = Api(shop.url)
    body = {"username": "owner", "password": shop.owner_password}
    for _ in range(OWNER_TRIES):  # the very first start makes the account a moment after it answers
        try:
            operator.token = (await operator.post("/operator/auth/login", body))["token"]
        except Refused:
            await asyncio.sleep(1)
        else:
            return operator
    raise LocalServerError("The owner cannot log in.")
