"""The references while they run: a process of FastAPI and asyncpg, nginx, and pgbench on the shop's own PostgreSQL."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.api import Api, Refused
from benchmarks.cpu import spent
from benchmarks.generator.drive import Outcome
from benchmarks.load import Meter, Round
from benchmarks.shop import POSTGRESQL, Shop
from deploy.local.postgres_binaries import find_binaries
from deploy.local.processes import start_process

BARE, NGINX, DATABASE = "bare", "nginx", "database alone"
BARE_GROUP, NGINX_GROUP = "bare FastAPI", "nginx"
READY_SECONDS = 30.0
CLIENTS = 8
NOT_THERE = {NGINX: "nginx is not installed", DATABASE: "pgbench is not beside PostgreSQL"}

NGINX_CONF = """
worker_processes 1;
pid nginx.pid;
error_log error.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  default_type application/json;
  client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class References:
    """What runs beside the shop; an address is None where the reference cannot be had."""

    bare_url: str
    nginx_url: str | None
    nginx_root: Path
    roots: Mapping[int, str]
    """The process numbers of the references, by their group."""

    def missing(self) -> list[str]:
        """What cannot be measured, and why."""
        absent = [NGINX] * (self.nginx_url is None) + [DATABASE] * (not has_pgbench())
        return [f"{name} is not measured: {NOT_THERE[name]}" for name in absent]


@asynccontextmanager
async def running(shop: Shop, folder: Path) -> AsyncIterator[References]:
    """Start the references; they end with the block."""
    root = _made(folder / "static")
    port = urlsplit(shop.url).port or 0
    processes: dict[subprocess.Popen[bytes], str] = {}
    environment = {
        f"BARE_{name.upper()}": plain(shop.database(name).runtime) for name in ("catalog", "campaign")
    }
    command = [sys.executable, "-m", "benchmarks.references.bare", str(port + 1)]
    try:
        bare = start_process(command, log=folder / "bare.log", environment=os.environ | environment)
        processes[bare] = BARE_GROUP
        bare_url = f"http://127.0.0.1:{port + 1}"
        await _until_home(bare_url)
        nginx_url = None
        if (nginx := _nginx()) is not None:
            (folder / "nginx.conf").write_text(NGINX_CONF.format(port=port + 2, root=root))
            command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
            static = start_process(command, log=folder / "nginx.log", environment=os.environ)
            processes[static] = NGINX_GROUP
            nginx_url = f"http://127.0.0.1:{port + 2}"
        roots = {process.pid: group for process, group in processes.items()}
        yield References(bare_url, nginx_url, root, roots)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(READY_SECONDS)


async def pgbench(
    shop: Shop, database: str, script: str, meter: Meter, *, seconds: float, folder: Path
) -> Round:
    """One round of a script on one of the shop's databases, by pgbench with prepared statements."""
    path, log = _prepared(folder, script)
    parts = urlsplit(plain(shop.database(database).runtime))
    before = meter()
    process = await asyncio.create_subprocess_exec(
        *(
            str(find_binaries() / "pgbench"),
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CLIENTS),
            "-T",
            str(max(1, round(seconds))),
        ),
        *("-l", f"--log-prefix={log}", "-f", str(path)),
        *("-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username), parts.path[1:]),
        env={"PATH": os.environ.get("PATH", ""), "PGPASSWORD": str(parts.password)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    after = meter()
    if process.returncode:
        raise Refused(f"pgbench: {err.decode()}")
    latencies = _logged_ms(log)
    rate = float(re.findall(r"tps = ([\d.]+)", out.decode())[0])
    outcome = Outcome(len(latencies) / rate, {"done": latencies}, calls=len(latencies))
    return Round(outcome, spent(before, after, (POSTGRESQL,)))


def _prepared(folder: Path, script: str) -> tuple[Path, Path]:
    """The script as a file, and how the files begin to which pgbench writes each transaction."""
    path, log = folder / "pgbench.sql", folder / "pgbench_log"
    path.write_text(script)
    for old in folder.glob(f"{log.name}.*"):
        old.unlink()
    return path, log


def _logged_ms(log: Path) -> list[float]:
    return [
        int(line.split()[2]) / 1000
        for file in log.parent.glob(f"{log.name}.*")
        for line in file.read_text().splitlines()
    ]


def has_pgbench() -> bool:
    """Whether pgbench comes with the PostgreSQL that is used."""
    return (find_binaries() / "pgbench").exists()


def plain(url: str) -> str:
    """A database's address as asyncpg takes it."""
    return url.replace("+asyncpg", "")


async def _until_home(url: str) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            api = Api(url)
            try:
                await api.get("/home")
            except (ConnectionError, OSError):
                await asyncio.sleep(0.1)
            else:
                return
            finally:
                api.close()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _nginx() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
