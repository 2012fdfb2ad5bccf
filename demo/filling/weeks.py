"""The demo's weeks, lived through: everything happens at its time, and what comes after them stays open."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from demo.filling.shipping import courier_comes
from demo.filling.stage import Stage
from demo.filling.visiting import enter
from demo.visits import Visit
from shared.clock import shop_day

ROUNDS = (timedelta(hours=11), timedelta(hours=17))
"""When the courier comes, from the start of the shop day."""


async def live(
    stage: Stage, visits: Iterable[Visit], *, until: datetime, show: Callable[[str], None]
) -> None:
    """Live from now until an instant; both are the start of a shop day."""
    for visit in visits:
        stage.agenda.add(visit.at, partial(enter, stage, visit))
    day_starts_at = stage.time.now()
    while day_starts_at < until:
        for after in ROUNDS:
            stage.agenda.add(day_starts_at + after, partial(courier_comes, stage))
        day_starts_at += timedelta(days=1)
        await _live_until(stage, day_starts_at)
        yesterday = shop_day(day_starts_at) - timedelta(days=1)
        show(f"{yesterday}: {len(stage.placed)} orders of {len(stage.visitors)} members")


async def _live_until(stage: Stage, until: datetime) -> None:
    while (found := stage.agenda.take(before=until)) is not None:
        at, happening = found
        await stage.time.go_to(at)
        await happening()
    await stage.time.go_to(until)
