"""Processes as a cluster keeps them: started, probed until ready, and started again whenever they end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from chaos.outages import Outage, Outages
from deploy.local.folder import LocalServerError
from deploy.local.home import PROJECT

PROBE_SECONDS = 0.05
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=2)
READY_SECONDS = 90.0
STOP_SECONDS = 30.0
PAUSE_SECONDS = 0.1
CRASH_LOOP_PAUSE_SECONDS = 2.0


class Supervised:
    """One `python -m module` that is to be always there."""

    def __init__(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str],
        *,
        ready_url: str,
        logs: Path,
        outages: Outages,
        http: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self.kills = 0
        self._module = module
        self._environment = dict(environment)
        self._ready_url = ready_url
        self._log = logs / f"{name}.log"
        self._outages = outages
        self._http = http
        self._process: asyncio.subprocess.Process | None = None
        self._is_to_run = True
        self._is_killed = False
        self._watching: asyncio.Task[None] | None = None
        self.is_ready = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process number."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and keep it going."""
        await self._launch()
        self._watching = asyncio.create_task(self._watch())

    async def until_ready(self) -> None:
        """Wait for its first readiness; raises LocalServerError with its last words."""
        if not await self._probe():
            words = "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
            raise LocalServerError(f"{self.name} does not get ready:\n{words}")
        self.is_ready.set()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        if self._process.returncode is None:
            self.kills += 1
            self._is_killed = True
            self.is_ready.clear()
            self._process.kill()

    async def succeed(self, environment: Mapping[str, str], *, ready_url: str) -> asyncio.subprocess.Process:
        """Start another with a changed environment; once it is ready it is this one. Returns the one before, which runs."""
        before = self._process
        assert before is not None
        assert self._watching is not None
        self._watching.cancel()
        self._environment.update(environment)
        self._ready_url = ready_url
        await self._launch()
        await self.until_ready()
        self._watching = asyncio.create_task(self._watch())
        return before

    async def stop(self) -> None:
        """SIGTERM, and an end."""
        self._is_to_run = False
        if self._process is None:
            return
        await retire(self._process)
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if not self._is_to_run:
                return
            self.is_ready.clear()
            cause = "kill -9" if self._is_killed else f"exit {code}"
            outage = self._outages.begin(self.name, cause, is_ours=self._is_killed)
            await asyncio.sleep(PAUSE_SECONDS if self._is_killed else CRASH_LOOP_PAUSE_SECONDS)
            self._is_killed = False
            await self._launch()
            await self._back(outage)

    async def _back(self, outage: Outage) -> None:
        """Wait until it is ready again, or has ended again: then the outage goes on as the next one."""
        if await self._probe():
            self.is_ready.set()
        self._outages.end(outage)

    async def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                cwd=PROJECT,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": os.environ.get("HOME", "/"),
                    **self._environment,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the harness
            )

    async def _probe(self) -> bool:
        """Whether it became ready; False once it has ended, or after 90 s."""
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while self._process.returncode is None and asyncio.get_running_loop().time() < deadline:
            if await self.answers():
                return True
            await asyncio.sleep(PROBE_SECONDS)
        return False

    async def answers(self) -> bool:
        """Whether it says now that it is ready."""
        try:
            async with self._http.get(self._ready_url, timeout=PROBE_TIMEOUT) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


async def retire(process: asyncio.subprocess.Process) -> int:
    """SIGTERM, and kill -9 to one that does not end within 30 s; its exit code."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
