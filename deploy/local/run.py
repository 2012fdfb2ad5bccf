"""``make run``: a living shop in one process, with everything it needs."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from demo.fill import fill, starts_at
from deploy.layout import GATEWAY
from deploy.local.children import spawn
from deploy.local.configuration import apply
from deploy.local.folder import LocalServerError
from deploy.local.ground import LOGS, Ground, open_ground
from deploy.local.home import HOME
from deploy.local.importing import PLATFORM, import_for_good
from deploy.local.platform import open_platform
from deploy.local.progress import Progress
from deploy.local.welcome import welcome
from shared.clock import ManualClock
from shared.logging import configure_logging
from shared.process import run, serving, stopping
from shared.telemetry import configure_telemetry

WATCH_SECONDS = 1.0
DEMO = HOME / "demo"
"""Says ``filling`` while the demo is being made and ``filled`` after that; without it the shop is new."""

WHILE_FILLING = {"ANALYTICS_FACTS_BUFFER_ROWS": "100000", "GATEWAY_LIMITS_SCALE": "1000"}
"""Nobody asks for numbers yet: the facts may wait for the first question. Weeks go by in seconds, from one address."""


async def live(ground: Ground, progress: Progress) -> None:
    """Fill a new shop with the demo, open it, and keep it going until stopped."""
    async with stopping() as stopped, AsyncExitStack() as stack:
        if not DEMO.exists() and os.environ.get("JISHI_DEMO", "yes") != "no":
            await _fill(ground, progress)
        with progress.step("Shop") as step:
            platform = await stack.enter_async_context(open_platform())
            await stack.enter_async_context(serving(platform.apps[GATEWAY], "127.0.0.1", ground.port))
            step.outcome = "open"
        welcome("The shop is open", ground, progress)
        while not stopped.is_set():
            await asyncio.to_thread(ground.watch, print)
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    await stopped.wait()
            except TimeoutError:
                continue
        print("\nClosing the shop …", flush=True)


async def _fill(ground: Ground, progress: Progress) -> None:
    """Make the demo through the shop's own use cases, on a clock that runs through its past weeks."""
    DEMO.write_text("filling")
    apply({**ground.environment, **WHILE_FILLING})
    clock = ManualClock(starts_at(datetime.now(UTC)))
    with progress.step("Demo") as step:
        async with (
            open_platform(clock=clock) as platform,
            serving(platform.apps[GATEWAY], "127.0.0.1", ground.port),
        ):
            step.outcome = await fill(
                platform,
                clock,
                simulator_url=ground.simulator_url,
                owner_password=ground.owner_password,
                show=step.show,
            )
    apply(ground.environment)
    DEMO.write_text("filled")


def main() -> None:
    """Run until Ctrl-C."""
    LOGS.mkdir(parents=True, exist_ok=True)
    if DEMO.exists() and DEMO.read_text() == "filling":
        sys.exit("The demo was cut off while it was being made. Run `make reset`, then `make run` again.")
    progress = Progress()
    print("Opening the shop:", flush=True)
    try:
        with open_ground(progress, with_broker=False, launch=spawn) as ground:
            apply(ground.environment)
            configure_logging("jishi", "WARNING", file=LOGS / "jishi.log")
            configure_telemetry("jishi", sample_ratio=0.0, exporter=None)
            import_for_good(PLATFORM)
            run(live(ground, progress))
    except LocalServerError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
