"""In full mode the app's process owns the facts; the worker's process never loads the engine."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.configuration import configure
from deploy.local.processes import free_port
from shared.clock import SystemClock, shop_day
from shared.http.identity import ANONYMOUS, HEADER, Identity, Kind, Principal
from shared.ids import new_id
from tests.integration.analytics.conftest import behaviour
from tests.support.databases import fresh_databases
from tests.support.wechat import WeChat


def start(part: str, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", f"services.analytics.{part}"], env=environment)


def has_engine(process: "subprocess.Popen[bytes]") -> bool:
    return "chdb" in Path(f"/proc/{process.pid}/maps").read_text()


async def ready(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(f"{url}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")
async def test_the_app_owns_the_facts_and_the_worker_stays_light(
    wechat: WeChat, tmp_path: Path, postgres_server: Any
) -> None:
    app_port = free_port(21_000)
    worker_port = free_port(app_port + 1)
    environment = os.environ | configure(
        tmp_path,
        databases=await fresh_databases(["analytics"]),
        amqp_urls={},
        merchant_folder=wechat.folder,
        simulator_url=wechat.url,
        public_url="http://shop.test",
        ports={"analytics": app_port, "analytics-worker": worker_port},
    )
    app, worker = start("app", environment), start("worker", environment)
    try:
        url = f"http://127.0.0.1:{app_port}"
        await asyncio.gather(ready(url), ready(f"http://127.0.0.1:{worker_port}"))
        gateway = Identity.from_files(
            "gateway", tmp_path / "keys/gateway.pem", tmp_path / "keys/keyring.json"
        )
        owner = Principal(Kind.OPERATOR, new_id(), new_id(), frozenset({"owner"}))
        now = SystemClock().now()
        async with httpx.AsyncClient(trust_env=False, base_url=url, timeout=30) as client:
            sent = await client.post(
                "/behaviour-events",
                json={"events": [behaviour("page_view", now, sent_at=now.isoformat())]},
                headers={HEADER: gateway.mint("analytics", ANONYMOUS)},
            )
            assert (sent.status_code, has_engine(app)) == (202, False)
            asked = await client.get(
                f"/operator/metrics/summary?from={shop_day(now)}&to={shop_day(now)}",
                headers={HEADER: gateway.mint("analytics", owner)},
            )
        assert asked.json()["values"]["pv"] == 1
        assert (has_engine(app), has_engine(worker)) == (True, False)
    finally:
        for process in (app, worker):
            process.terminate()
        assert [process.wait(20) for process in (app, worker)] == [0, 0]
