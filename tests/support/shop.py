"""A whole shop in this process, on real PostgreSQL, with the simulator as WeChat."""

import socket
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from starlette.types import ASGIApp

from deploy.layout import GATEWAY, PACKAGES
from deploy.local.configuration import apply, configure
from deploy.local.platform import Platform, open_platform
from deploy.local.postgres_roles import DatabaseUrls
from shared.clock import Clock
from shared.http.identity import ANONYMOUS, HEADER, Identity, Kind, Principal
from shared.ids import new_id
from shared.messaging.transport import Transport
from shared.process import serving
from tests.support.databases import fresh_databases
from tests.support.wechat import WeChat


class Caller:
    """Somebody who calls services directly, with an identity minted as the gateway (or a sibling) would."""

    def __init__(self, apps: "dict[str, ASGIApp]", identity: Identity, principal: Principal) -> None:
        self._apps = apps
        self._identity = identity
        self.principal = principal

    async def request(self, service: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request to a service, past the gateway."""
        headers = {HEADER: self._identity.mint(service, self.principal), **more.pop("headers", {})}
        transport = httpx.ASGITransport(self._apps[service], raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{service}") as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, service: str, path: str, **more: Any) -> httpx.Response:
        return await self.request(service, "GET", path, **more)

    async def post(self, service: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return await self.request(service, "POST", path, json=json, **more)

    async def put(self, service: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return await self.request(service, "PUT", path, json=json, **more)

    async def patch(self, service: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return await self.request(service, "PATCH", path, json=json, **more)

    async def delete(self, service: str, path: str, **more: Any) -> httpx.Response:
        return await self.request(service, "DELETE", path, **more)


@dataclass(frozen=True, slots=True)
class Shop:
    """The running shop of a test; ``url`` is where the gateway listens, for WeChat's notices above all."""

    platform: Platform
    wechat: WeChat
    folder: Path
    url: str

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """A client in front of the gateway, as a mini-program or console has."""
        transport = httpx.ASGITransport(self.platform.apps[GATEWAY], raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=self.url, headers=headers)

    def as_member(self, member_id: UUID | None = None, *, wechat_openid: str | None = None) -> Caller:
        """A member, known or invented, as the gateway would vouch for."""
        return self._vouched(
            GATEWAY,
            Principal(
                Kind.MEMBER,
                member_id or new_id(),
                new_id(),
                wechat_openid=wechat_openid or f"o{new_id().hex}",
            ),
        )

    def as_operator(self, *roles: str) -> Caller:
        """An operator with some roles."""
        return self._vouched(GATEWAY, Principal(Kind.OPERATOR, new_id(), new_id(), frozenset(roles)))

    def as_anonymous(self) -> Caller:
        """A visitor who has not logged in."""
        return self._vouched(GATEWAY, ANONYMOUS)

    def as_service(self, name: str, *, on_behalf_of: Principal | None = None) -> Caller:
        """A sibling service, acting for somebody or for itself."""
        return self._vouched(name, on_behalf_of or Principal(Kind.SERVICE))

    def _vouched(self, issuer: str, principal: Principal) -> Caller:
        keys = self.folder / "keys"
        identity = Identity.from_files(issuer, keys / f"{issuer}.pem", keys / "keyring.json")
        return Caller(dict(self.platform.apps), identity, principal)


@asynccontextmanager
async def open_shop(
    wechat: WeChat,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    names: Iterable[str] = tuple(PACKAGES),
    databases: Mapping[str, DatabaseUrls] | None = None,
    working: bool = True,
) -> AsyncIterator[Shop]:
    """A shop with databases of its own, fresh ones unless they are given."""
    names = list(names)
    databases = databases or await fresh_databases(names)
    # An earlier shop of this worker may have moved WeChat's clock along with its own.
    (await wechat.control.put("/clock", json={"offset_seconds": 0})).raise_for_status()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="jishi-shop-") as folder:
        environment = configure(
            Path(folder),
            databases=databases,
            amqp_urls={},
            merchant_folder=wechat.folder,
            simulator_url=wechat.url,
            public_url=url,
        )
        apply({**environment, "GATEWAY_LIMITS_SCALE": "1000"})  # a whole crowd comes from here
        async with AsyncExitStack() as stack:
            platform = await stack.enter_async_context(
                open_platform(clock=clock, transport=transport, names=names, working=working)
            )
            stack.callback(listener.close)
            if GATEWAY in names:
                await stack.enter_async_context(serving(platform.apps[GATEWAY], "", 0, listener=listener))
            yield Shop(platform, wechat, Path(folder), url)
