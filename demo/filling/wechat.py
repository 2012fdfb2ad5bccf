"""WeChat's side of the demo, played by the simulator: users, codes, the cashier, and the platform's clock."""

import asyncio
from datetime import datetime
from typing import Any

import aiohttp

NOTICE_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 0.005
REFUNDS_AT_ONCE = {"refund_settles_after_seconds": 0.0}


class WeChat:
    """What happens at WeChat; ``http`` reaches the simulator."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def user(self, *, nickname: str, phone: str) -> str:
        """A new user; returns the openid."""
        return str((await self._send("POST", "/users", {"nickname": nickname, "phone": phone}))["openid"])

    async def login_code(self, openid: str) -> str:
        """What ``wx.login`` gives the mini-program."""
        return str((await self._send("POST", "/login-codes", {"openid": openid}))["code"])

    async def phone_code(self, openid: str) -> str:
        """What the phone button gives the mini-program."""
        return str((await self._send("POST", "/phone-codes", {"openid": openid}))["code"])

    async def pay(self, out_trade_no: str, request_payment: dict[str, Any], *, openid: str) -> None:
        """The user confirms in the cashier; done once the shop has taken the signed notice."""
        path = f"/payments/{out_trade_no}"
        await self._send("POST", f"{path}/pay", {"request_payment": request_payment, "openid": openid})
        async with asyncio.timeout(NOTICE_SECONDS):
            while any(
                notice["state"] != "DELIVERED" for notice in (await self._send("GET", path))["notices"]
            ):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def set_clock(self, at: datetime) -> None:
        """Move the platform's time: its signatures carry it, and ours must agree to within 5 minutes."""
        await self._send("PUT", "/clock", {"now": at.isoformat()})

    async def set_clock_right(self) -> None:
        """Go back to the real time."""
        await self._send("PUT", "/clock", {"offset_seconds": 0})

    async def rules(self) -> dict[str, Any]:
        """The platform's numbers as they are."""
        return await self._send("GET", "/rules")

    async def set_rules(self, rules: dict[str, Any]) -> None:
        """Change the named numbers."""
        await self._send("PUT", "/rules", rules)

    async def books(self) -> dict[str, Any]:
        """Everything the platform has on its books."""
        return await self._send("GET", "/books")

    async def _send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        async with self._http.request(method, f"/_control{path}", json=body) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found
