"""The kernel by itself, on a real database of the test's own."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres_roles import DatabaseUrls
from shared.clock import ManualClock, SystemClock
from shared.http.app import create_service_app
from shared.http.identity import HEADER, Identity, Kind, Principal, generate_keys
from shared.http.services import LocalExchange, Services
from shared.ids import new_id
from shared.resources import Resources
from tests.support.kernel import kernel_database, kernel_engine

__all__ = ["ManualClock"]


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def urls() -> DatabaseUrls:
    """One database for all tests of a worker: they make their own ids."""
    return await kernel_database()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    async with kernel_engine(urls) as opened:
        yield opened


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    generate_keys(folder, ["gateway", "kernel", "order"])
    return folder


def identity_of(name: str, keys: Path) -> Identity:
    return Identity.from_files(name, keys / f"{name}.pem", keys / "keyring.json")


@dataclass(frozen=True, slots=True)
class Service:
    """A service with routers of the test's own, called as the gateway would."""

    resources: Resources
    gateway: Identity
    client: httpx.AsyncClient

    async def call(
        self,
        method: str,
        path: str,
        *,
        who: Principal | None = None,
        content: bytes | None = None,
        **more: object,
    ) -> httpx.Response:
        token = self.gateway.mint("kernel", who or a_member())
        headers = {HEADER: token, "content-type": "application/json", **more.pop("headers", {})}  # type: ignore[dict-item]
        return await self.client.request(method, path, headers=headers, content=content, **more)  # type: ignore[arg-type]


Serve = Callable[..., Service]


@pytest.fixture
def serve(engine: AsyncEngine, keys: Path) -> Serve:
    """Makes a service of these routers."""

    def make(*routers: APIRouter, on: AsyncEngine | None = None) -> Service:
        identity = identity_of("kernel", keys)
        resources = Resources(
            name="kernel",
            engine=on or engine,
            clock=SystemClock(),
            identity=identity,
            services=Services(identity, LocalExchange({})),
        )
        app = create_service_app(resources, *routers, title="Kernel")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://kernel")
        return Service(resources, identity_of("gateway", keys), client)

    return make


WriteMigrations = Callable[..., str]


@pytest.fixture
def write_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteMigrations:
    """Makes a package of migrations, numbered from 0001, of these SQL scripts; returns its name."""

    def write(*scripts: str) -> str:
        package = tmp_path / f"migrations_{new_id().hex}"
        package.mkdir()
        (package / "__init__.py").touch()
        for number, script in enumerate(scripts, start=1):
            before = f"{number - 1:04}" if number > 1 else None
            (package / f"{number:04}_step.py").write_text(
                f"from alembic import op\nrevision, down_revision = '{number:04}', {before!r}\n"
                f"def upgrade() -> None:\n    for statement in {script.split(';')!r}:\n        op.execute(statement)\n"
            )
        return package.name

    monkeypatch.syspath_prepend(str(tmp_path))
    return write


def a_member() -> Principal:
    return Principal(Kind.MEMBER, new_id(), new_id())


def an_operator(*roles: str) -> Principal:
    return Principal(Kind.OPERATOR, new_id(), new_id(), frozenset(roles))
