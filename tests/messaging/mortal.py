"""A worker in a process of its own, to be killed: ``python -m tests.messaging.mortal DATABASE_URL AMQP_URL SERVICE``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from shared.database import create_engine
from shared.http.identity import Identity, generate_keys
from tests.messaging.lines import Line, nothing


async def live(database_url: str, amqp_url: str, service: str) -> None:
    """Relay and react until killed."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = generate_keys(Path(folder), ["kernel"])
        identity = Identity.from_files("kernel", Path(folder) / "kernel.pem", keyring)
    engine = create_engine(database_url, application_name=service)
    line = Line(engine=engine, identity=identity, amqp_url=amqp_url or None, service=service)
    async with line.working(line.reaction(nothing)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
