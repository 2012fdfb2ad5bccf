"""A RabbitMQ node of these tests' own: what they do to it would trouble everybody on the run's shared one."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.rabbitmq import LocalRabbitMQ
from deploy.local.rabbitmq_configuration import unlimited_user
from deploy.local.rabbitmq_install import find_server
from deploy.local.rabbitmq_node import NODE

ACKNOWLEDGED_WITHIN_SECONDS = 3
IMPATIENT = f"[{{rabbit, [{{consumer_timeout, {ACKNOWLEDGED_WITHIN_SECONDS * 1000}}}, {{channel_tick_interval, 250}}]}}].\n"
"""RabbitMQ waits 30 minutes for an acknowledgement, and looks once a minute."""

ALARM = "vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1})."
NO_ALARM = "vm_memory_monitor:set_vm_memory_high_watermark(0.9)."


@dataclass(frozen=True, slots=True)
class OwnBroker:
    """A running node, and the tool that steers it."""

    url: str
    folder: Path

    @asynccontextmanager
    async def blocking_publishers(self) -> AsyncIterator[None]:
        """Its memory alarm for the block: RabbitMQ reads no more from whoever publishes."""
        await self._evaluate(ALARM)
        try:
            yield
        finally:
            await self._evaluate(NO_ALARM)

    async def _evaluate(self, expression: str) -> None:
        server = find_server()
        assert server is not None
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),  # where the node's cookie is
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": (self.folder / "mapper.port").read_text(),
        }
        command = [str(server.with_name("rabbitmqctl")), "--node", NODE, "eval", expression]
        answer = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr


@contextmanager
def open_own_broker(folder: Path) -> Iterator[OwnBroker]:
    """Start a node that closes the channel of a consumer which acknowledges nothing for three seconds."""
    if find_server() is None or "JISHI_AMQP_URL" in os.environ:
        pytest.skip("needs an installed RabbitMQ, to do with as it pleases")
    folder.mkdir(mode=0o700)
    settings = folder / "impatient.config"
    settings.write_text(IMPATIENT)
    (folder / "rabbitmq-env.conf").write_text(f"ADVANCED_CONFIG_FILE={settings}\n")
    with LocalRabbitMQ(folder, port=8072) as broker:
        yield OwnBroker(broker.start(["tests"], user=unlimited_user)["tests"], folder)
