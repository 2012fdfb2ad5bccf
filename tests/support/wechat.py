"""The simulator on a free port of this process, and its control API."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from simulator.app import create_app
from simulator.settings import IDLE_SECONDS, SimulatorSettings


@dataclass(frozen=True, slots=True)
class WeChat:
    """The outside world of a test: WeChat, its users, and what they do."""

    url: str
    folder: Path
    control: httpx.AsyncClient

    async def user(self, **profile: Any) -> str:
        """A new WeChat user; returns the openid."""
        return str((await self._post("/users", profile))["openid"])

    async def login_code(self, openid: str) -> str:
        """What ``wx.login`` gives the mini-program."""
        return str((await self._post("/login-codes", {"openid": openid}))["code"])

    async def phone_code(self, openid: str) -> str:
        """What the phone button gives the mini-program."""
        return str((await self._post("/phone-codes", {"openid": openid}))["code"])

    async def pay(self, out_trade_no: str, request_payment: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The user confirms in the cashier; the signed notice follows by itself."""
        return await self._post(f"/payments/{out_trade_no}/pay", {"request_payment": request_payment} | more)

    async def faults(self, *rules: dict[str, Any]) -> None:
        """Have WeChat misbehave by these rules (none: behave)."""
        (await self.control.put("/faults", json=list(rules))).raise_for_status()

    async def keep_time(self, now: datetime) -> None:
        """Its clock runs, and a test's stands: set it to that one before they are minutes apart."""
        offset = (now - datetime.now(UTC)).total_seconds()
        (await self.control.put("/clock", json={"offset_seconds": offset})).raise_for_status()

    async def advance(self, step: timedelta) -> None:
        """Move its clock."""
        answer = await self.control.put("/clock", json={"advance_seconds": step.total_seconds()})
        answer.raise_for_status()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.control.post(path, json=body)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def open_wechat(folder: Path) -> AsyncIterator[WeChat]:
    """Start the simulator over a folder of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = create_app(SimulatorSettings(host="127.0.0.1", port=port, folder=folder))
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_keep_alive=IDLE_SECONDS)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=f"{url}/_control", timeout=30) as control:
            yield WeChat(url, folder, control)
        server.should_exit = True
        await serving
