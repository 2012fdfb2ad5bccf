"""What the gateway's tests say: members and operators log in, time passes, the sessions table is looked into."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.resources import GatewayResources
from gateway.sessions import authentication
from shared.clock import ManualClock
from shared.database import reading
from shared.ids import new_id
from tests.support.shop import Shop

PASSWORD = "correct horse 电池"


@dataclass(frozen=True, slots=True)
class Entrance:
    """The gateway of a shop."""

    shop: Shop
    clock: ManualClock

    @property
    def resources(self) -> GatewayResources:
        found = self.shop.platform.resources["gateway"]
        assert isinstance(found, GatewayResources)
        return found

    async def ask(
        self, method: str, path: str, token: str | None = None, json: Any = None, **headers: str
    ) -> httpx.Response:
        """One request at the door."""
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        async with self.shop.browser() as browser:
            return await browser.request(method, path, json=json, headers=headers)

    async def member(self, openid: str | None = None) -> tuple[str, str, dict[str, Any]]:
        """A member logs in: openid, token, and all that was answered."""
        openid = openid or await self.shop.wechat.user()
        code = await self.shop.wechat.login_code(openid)
        answer = await self.ask("POST", "/auth/wechat/login", json={"code": code, "scene": None})
        assert answer.status_code == 201, answer.text
        return openid, answer.json()["token"], answer.json()

    async def owner(self) -> str:
        """The owner's token."""
        password = (self.shop.folder / "secrets" / "gateway_owner_password").read_text()
        return str((await self.log_in("owner", password)).json()["token"])

    async def log_in(self, username: str, password: str = PASSWORD) -> httpx.Response:
        """An operator tries to log in."""
        return await self.ask(
            "POST", "/operator/auth/login", json={"username": username, "password": password}
        )

    async def operator(self, *roles: str) -> tuple[str, str, str]:
        """A new operator: id, name, token."""
        username = f"o{new_id().hex}"
        answer = await self.ask(
            "POST",
            "/operator/operators",
            await self.owner(),
            {"username": username, "password": PASSWORD, "roles": list(roles)},
        )
        assert answer.status_code == 201, answer.text
        login = await self.log_in(username)
        assert login.status_code == 201, login.text
        return answer.json()["operator_id"], username, login.json()["token"]

    async def knows(self, token: str, path: str = "/me") -> bool:
        """Whether a token is (still) good."""
        answer = await self.ask("GET", path, token)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Look into the gateway's database."""
        async with reading(self.resources.engine) as connection:
            return [dict(row) for row in await connection.execute(text(statement), values)]


@contextmanager
def remembering(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The clock by which the gateway remembers sessions for five seconds; it stands still unless ``now`` is set."""
    clock = SimpleNamespace(now=1_000_000.0)
    with monkeypatch.context() as patched:
        patched.setattr(authentication, "time", SimpleNamespace(monotonic=lambda: clock.now))
        yield clock
