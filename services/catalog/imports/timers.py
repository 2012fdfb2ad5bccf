"""The worker goes through uploaded files; killed at any moment, the next one goes on after the last whole batch."""

import time
from datetime import datetime
from uuid import UUID

from services.catalog.imports.usecases import IMPORT, import_batch, read_import
from shared.database import begin, reading
from shared.resources import Resources
from shared.timers.loop import Timer, Timers

TURN_SECONDS = 30.0

timers = Timers[Resources]()


@timers.on(IMPORT)
async def import_products(resources: Resources, timer: Timer) -> datetime | None:
    """Take over an uploaded file, a transaction a batch; a long one goes on in another turn (PD-01)."""
    import_id = UUID(timer.key)
    started = time.monotonic()
    async with reading(resources.engine) as connection:
        groups = await read_import(connection, import_id)
    while True:
        async with begin(resources.engine) as work:
            if not await import_batch(work, import_id, groups, at=resources.clock.now()):
                return None
        if time.monotonic() - started > TURN_SECONDS:
            return resources.clock.now()
