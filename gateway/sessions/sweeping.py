"""Sessions that ended by themselves are forgotten, so that the table holds living ones only (SEC2)."""

import asyncio
from datetime import timedelta

from gateway.sessions.storage import Sessions
from shared.database import begin
from shared.resources import Resources

SWEEP_SECONDS = 600.0


async def sweep_sessions(resources: Resources, *, idle: timedelta) -> None:
    """Forget ended sessions every ten minutes until cancelled; every gateway may do it."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        async with begin(resources.engine) as work:
            await Sessions(work.connection).sweep(at=resources.clock.now(), idle=idle)
