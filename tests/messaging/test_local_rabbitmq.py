"""The local RabbitMQ: private, with a user for each service, and gone without a trace when it is stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ProbableAuthenticationError

from deploy.local.folder import LocalServerError
from deploy.local.ports import Revival
from deploy.local.processes import command_of, is_free, wait_until
from deploy.local.rabbitmq import LocalRabbitMQ
from shared.messaging.transports.rabbitmq import EXCHANGE

SERVICES = ["order", "member"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broker") / "a shop"


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[LocalRabbitMQ]:
    with LocalRabbitMQ(folder, port=7772) as broker:
        broker.start(SERVICES)
        yield broker


@asynccontextmanager
async def a_channel(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(url, timeout=10)
    async with connection:
        yield await connection.channel()


async def test_each_service_has_a_user_of_its_own(broker: LocalRabbitMQ) -> None:
    urls = broker.urls(SERVICES)
    assert list(urls) == SERVICES
    assert urls["order"] != urls["member"]
    for url in urls.values():
        async with a_channel(url) as channel:
            events = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
            await events.publish(aio_pika.Message(b"[]"), "nowhere", mandatory=False)


@pytest.mark.parametrize("credentials", ["guest:guest", "order:guess"])
async def test_nobody_else_gets_in(broker: LocalRabbitMQ, credentials: str) -> None:
    place = broker.urls(["order"])["order"].split("@")[1]
    with pytest.raises(ProbableAuthenticationError):
        async with a_channel(f"amqp://{credentials}@{place}"):
            pass


def test_what_a_broker_keeps_is_for_its_owner_only(broker: LocalRabbitMQ, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("passwords.json", "definitions.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    for password in (url.split(":")[2].split("@")[0] for url in broker.urls(SERVICES).values()):
        assert password not in (folder / "definitions.json").read_text()


async def test_a_message_outlives_a_stop_that_leaves_no_process(broker: LocalRabbitMQ, folder: Path) -> None:
    url = broker.urls(["order"])["order"]
    async with a_channel(url) as channel:
        events = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        kept = await channel.declare_queue("order.kept", durable=True, arguments={"x-queue-type": "quorum"})
        await kept.bind(events, "kept")
        message = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await events.publish(message, "kept")
    processes = the_processes_of(folder)
    assert broker.running
    assert len(processes) > 2

    broker.stop()

    assert not broker.running
    assert wait_until(lambda: not any(command_of(process) for process in processes), seconds=5)
    assert broker.start(SERVICES) == {"order": url, "member": broker.urls(["member"])["member"]}
    async with a_channel(url) as channel:
        queue = await channel.get_queue("order.kept")
        message_kept = await queue.get(timeout=5)
        assert message_kept is not None
        assert message_kept.body == b"kept"
        await message_kept.ack()


async def test_a_broker_that_died_comes_back_where_its_clients_look_for_it_once_the_port_is_free(
    broker: LocalRabbitMQ, folder: Path
) -> None:
    urls, port = broker.urls(SERVICES), int((folder / "port").read_text())
    revival = Revival("RabbitMQ", runs=lambda: broker.running, start=lambda: broker.start(SERVICES))
    os.kill(int((folder / "node.pid").read_text()), signal.SIGKILL)
    assert wait_until(lambda: not broker.running and is_free(port), seconds=5)
    said: list[str] = []

    with socket.create_server(("127.0.0.1", port)):
        revival.revive(said.append)
        assert not broker.running
    assert said[1:] == [
        f"RabbitMQ waits for port {port}, where its clients look for it, and which another process has taken. "
        "Stop that one."
    ]

    revival.revive(said.append)
    assert broker.urls(SERVICES) == urls
    async with a_channel(urls["order"]):
        pass


def the_processes_of(folder: Path) -> set[int]:
    """The node, its port mapper, and everything they started."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listing.splitlines())}
    found = {int((folder / name).read_text().split()[0]) for name in ("node.pid", "mapper.pid")}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def test_a_second_start_on_the_same_folder_is_refused(broker: LocalRabbitMQ, folder: Path) -> None:
    with pytest.raises(LocalServerError, match=r"RabbitMQ already runs on .* started by process \d+\."):
        LocalRabbitMQ(folder).start(SERVICES)
    assert broker.running


async def test_a_broker_whose_supervisor_was_killed_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    left_by_a_killed_supervisor(folder)
    left_behind = the_processes_of(folder)
    with LocalRabbitMQ(folder, port=7872) as broker:
        url = broker.start(["order"])["order"]
        assert not left_behind & the_processes_of(folder)
        async with a_channel(url):
            pass
    assert is_free(int(url.split(":")[3].split("/")[0]))


def left_by_a_killed_supervisor(folder: Path) -> None:
    supervisor = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from deploy.local.rabbitmq import LocalRabbitMQ\n"
            "broker = LocalRabbitMQ(Path(sys.argv[1]), port=7872); broker.start(['order'])\n"
            "print('started', flush=True); sys.stdin.read()",
            str(folder),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    started = supervisor.stdout.readline()
    supervisor.kill()
    supervisor.communicate()
    assert started == "started\n"


def test_a_folder_that_rabbitmq_cannot_live_in_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalServerError, match="cannot live in a folder with a quote in its name"):
        LocalRabbitMQ(tmp_path / "a shop's broker").start(SERVICES)


def test_a_given_url_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JISHI_AMQP_URL", "amqp://shop:secret@broker.example/shop")
    with LocalRabbitMQ(tmp_path / "broker") as broker:
        assert broker.start(SERVICES) == dict.fromkeys(SERVICES, "amqp://shop:secret@broker.example/shop")
    assert not (tmp_path / "broker").exists()
