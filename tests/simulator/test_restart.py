"""The books outlive the process: a killed simulator goes on where it stopped."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import httpx

from simulator.app import create_app
from simulator.settings import SimulatorSettings
from tests.simulator.support import PLAIN, Merchant, Shop, Simulator, eventually


class Killable(Simulator):
    """`python -m simulator` as a process of its own, which is never asked to stop but killed."""

    async def __aenter__(self) -> "Killable":
        self.socket.close()
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        environment = os.environ | {"SIMULATOR_PORT": str(self.port), "SIMULATOR_FOLDER": str(self.folder)}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulator", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        await eventually(self._answers, within_seconds=20)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def _answers(self) -> bool:
        try:
            return (await PLAIN.get(f"{self.url}/_control/clock")).status_code == 200
        except httpx.TransportError:
            return False


async def test_a_killed_simulator_keeps_its_books_and_sends_what_was_pending(
    keys: Path, tmp_path: Path, shop: Shop
) -> None:
    folder = tmp_path / "killed"
    shutil.copytree(keys, folder)
    async with Killable(folder) as simulator, Merchant(simulator, shop) as merchant:
        shop.answers = [500]
        number = await merchant.paid()
        await simulator.control("PUT", "/rules", {"refund_settles_after_seconds": 3600})
        await simulator.control("PUT", "/clock", {"advance_seconds": 5})
        refund = merchant.refund_of(number)
        await merchant.refund(refund)
        await simulator.control("PUT", "/verification-mode", {"mode": "certificate"})

        async def refused_once() -> bool:
            notice = (await simulator.control("GET", f"/payments/{number}"))["notices"][0]
            return len(notice["attempts"]) == 1

        await eventually(refused_once)
        before = await simulator.control("GET", f"/payments/{number}")
        await simulator.kill()
        await simulator.start()
        after = await simulator.control("GET", f"/payments/{number}")
        assert after == before
        assert after["transaction"]["trade_state"] == "REFUND"
        assert after["refunds"][0]["status"] == "PROCESSING"
        assert (await simulator.control("GET", "/clock"))["offset_seconds"] == 5
        assert (await simulator.control("GET", "/rules"))["refund_settles_after_seconds"] == 3600
        answer = await merchant.query(number)
        assert answer.headers["Wechatpay-Serial"] != merchant.public_key_id
        assert len(shop.received) == 1, "the retry is not due yet"
        await simulator.advance(15)
        await shop.wait(2)
        await simulator.advance(3600)
        await shop.wait(3)


def test_an_application_can_be_made_in_an_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    create_app(SimulatorSettings(folder=folder))
    assert (folder / "merchant.json").exists()
