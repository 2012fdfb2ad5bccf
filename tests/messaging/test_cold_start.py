"""Processes start in any order: each waits for its database and its broker, and nobody has to help (4.E, SEC16)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.configuration import configure
from deploy.local.postgres_roles import DatabaseUrls
from deploy.local.processes import free_port
from shared.clock import SystemClock
from shared.http.identity import ANONYMOUS, HEADER, Identity
from shared.ids import new_id
from shared.messaging.outbox import encode
from simulator.merchant import generate
from tests.integration.analytics.conftest import behaviour
from tests.messaging.lines import AT, registered, until
from tests.messaging.own_broker import OwnBroker
from tests.support import servers
from tests.support.databases import fresh_databases
from tests.support.proxy import wire_to

PARTS = {
    "gateway": "gateway.app",
    "analytics": "services.analytics.app",
    "analytics-worker": "services.analytics.worker",
}


def environment(
    folder: Path, databases: Mapping[str, DatabaseUrls], *, amqp_url: str, ports: Mapping[str, int]
) -> dict[str, str]:
    """The settings of processes over these servers."""
    generate(folder / "merchant")
    settings = configure(
        folder,
        databases=databases,
        amqp_urls={"analytics": amqp_url},
        merchant_folder=folder / "merchant",
        simulator_url="http://wechat.test",
        public_url="http://shop.test",
        ports=ports,
    )
    return {"PATH": os.environ["PATH"]} | settings


def start(module: str, settings: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, "-m", module], env=dict(settings), stderr=out)


@asynccontextmanager
async def started(settings: Mapping[str, str], logs: Path) -> AsyncIterator[None]:
    """The three processes, which must live until they are told to stop, and then end in good order."""
    processes = [start(module, settings, logs / f"{name}.log") for name, module in PARTS.items()]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        codes = [await asyncio.to_thread(process.wait, 20) for process in processes]
    assert codes == [0, 0, 0]


async def test_a_shop_started_before_its_servers_serves_at_once_and_works_when_they_come(
    tmp_path: Path, own_broker: OwnBroker
) -> None:
    databases = await fresh_databases(["gateway", "analytics"])
    ports = dict(zip(PARTS, (free_port(first) for first in (22_100, 22_200, 22_300)), strict=True))
    async with AsyncExitStack() as stack:
        wires = {
            name: await stack.enter_async_context(wire_to(urls.runtime)) for name, urls in databases.items()
        }
        to_broker = await stack.enter_async_context(wire_to(own_broker.url))
        for wire in (*wires.values(), to_broker):
            await wire.cut()
        wired = {name: DatabaseUrls(wires[name].url, urls.owner) for name, urls in databases.items()}
        settings = environment(tmp_path, wired, amqp_url=to_broker.url, ports=ports)
        at_gateway, at_analytics = [
            await asyncpg.connect(databases[name].owner.replace("+asyncpg", "")) for name in databases
        ]
        stack.push_async_callback(at_gateway.close)
        stack.push_async_callback(at_analytics.close)
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10))
        await stack.enter_async_context(started(settings, tmp_path))

        async def status(name: str, path: str) -> int:
            with suppress(httpx.TransportError):
                return (await client.get(f"http://127.0.0.1:{ports[name]}/health/{path}")).status_code
            return 0

        def all_are(path: str, code: int) -> Callable[[], Awaitable[bool]]:
            async def are() -> bool:
                return {await status(name, path) for name in PARTS} == {code}

            return are

        await until(all_are("live", 200), seconds=60)
        assert await all_are("ready", 503)()
        for answer in await answers(client, ports, tmp_path):
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/busy")
            assert answer.headers["retry-after"] == "1"
            assert answer.elapsed.total_seconds() < 2
        event = registered()
        await at_analytics.execute(
            "INSERT INTO outbox (event_id, type, subject, envelope) VALUES ($1, $2, $3, $4)",
            *((id_ := new_id()), event.type, str(event.member_id), encode(event, id=id_, at=AT)),
        )

        for wire in wires.values():
            await wire.mend()
        await until(all_are("ready", 200), seconds=10)

        async def has_its_owner() -> bool:
            return bool(await at_gateway.fetchval("SELECT count(*) FROM operators"))

        await until(has_its_owner, seconds=10)
        assert [answer.status_code for answer in await answers(client, ports, tmp_path)] == [201, 202]
        unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
        assert await at_analytics.fetchval(unsent) == 1

        await to_broker.mend()

        async def is_sent_and_taken() -> bool:
            taken = await at_analytics.fetch("SELECT event_id FROM inbox")
            return [row["event_id"] for row in taken] == [id_] and not await at_analytics.fetchval(unsent)

        await until(
            is_sent_and_taken, seconds=45
        )  # the relay pauses up to 30 s for a queue that is not there yet
    for name in PARTS:
        assert "waiting for the database" in (tmp_path / f"{name}.log").read_text()


async def answers(
    client: httpx.AsyncClient, ports: Mapping[str, int], folder: Path
) -> tuple[httpx.Response, httpx.Response]:
    """The owner's login at the gateway, and a beacon at a service, which the gateway vouches for."""
    gateway = Identity.from_files("gateway", folder / "keys/gateway.pem", folder / "keys/keyring.json")
    now = SystemClock().now()
    password = (folder / "secrets/gateway_owner_password").read_text()
    return (
        await client.post(
            f"http://127.0.0.1:{ports['gateway']}/operator/auth/login",
            json={"username": "owner", "password": password},
        ),
        await client.post(
            f"http://127.0.0.1:{ports['analytics']}/behaviour-events",
            json={"events": [behaviour("page_view", now, sent_at=now.isoformat())]},
            headers={HEADER: gateway.mint("analytics", ANONYMOUS)},
        ),
    )


@pytest.mark.parametrize("module", ["services.campaign.app", "services.campaign.worker"])
async def test_what_only_a_person_can_put_right_ends_the_process_with_a_sentence(
    tmp_path: Path, module: str
) -> None:
    """A worker with a wrong password, an app whose database was never migrated."""
    if module.endswith("worker"):
        [urls] = (await fresh_databases(["campaign"])).values()
        user, _, place = urls.runtime.partition("@")
        wrong, sentence = f"{user}x@{place}", "password authentication failed"
    else:
        server = await asyncio.to_thread(servers.postgres_server)
        name = f"campaign_{new_id().hex[:12]}"
        urls = await asyncio.to_thread(server.create_database, name)
        wrong, sentence = urls.runtime, "is at migration none and this version needs"
    port = free_port(22_400)
    settings = environment(
        tmp_path,
        {"campaign": DatabaseUrls(wrong, urls.owner)},
        amqp_url="amqp://nobody:x@127.0.0.1:1/jishi",
        ports={"campaign": port, "campaign-worker": port},
    )
    process = start(module, settings, tmp_path / "log")
    assert await asyncio.to_thread(process.wait, 30) == 1
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert '"level":"critical"' in last
    assert sentence in last
    assert "x@" not in last
