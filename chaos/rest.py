"""Waiting until the shop has finished everything that the run began, looked at as an operator would: in its databases."""

import asyncio
import time

from chaos.platforms import Platform, Say
from deploy.layout import SERVICES
from deploy.local.folder import LocalServerError

LOOK_SECONDS = 2.0
SAY_EVERY_SECONDS = 20.0

UNFINISHED: dict[str, str] = {
    "unsent events": "(SELECT count(*) FROM outbox WHERE sent_at IS NULL)",
    "waiting events": "(SELECT count(*) FROM stalled_events WHERE state <> 'parked')",
    "due timers": "(SELECT count(*) FROM timers WHERE due_at <= now() AND key <> 'daily')",
}
OF_SERVICE: dict[str, dict[str, str]] = {
    "order": {
        "open orders": "(SELECT count(*) FROM orders WHERE status IN ('creating', 'pending_pay', 'closing'))",
        "open refunds": "(SELECT count(*) FROM refunds WHERE status = 'requested')",
    },
    "payment": {
        "open payments": "(SELECT count(*) FROM payments WHERE status = 'paying')",
        "open refunds": "(SELECT count(*) FROM refunds WHERE status = 'processing')",
    },
}
"""What must come to an end; what is due daily, or far in the future (receipt by itself, last looks), may wait."""


class NeverAtRest(TimeoutError):
    """Something is still unfinished; the message says what."""


async def until_at_rest(platform: Platform, *, seconds: float, say: Say) -> float:
    """Wait until nothing is left to do, twice in a row; says how long it took. Raises NeverAtRest."""
    began = said = time.monotonic()
    quiet = 0
    left: dict[str, int] = {}
    while True:
        left = await _unfinished(platform)
        quiet = quiet + 1 if not left else 0
        if quiet == 2:
            return time.monotonic() - began
        now = time.monotonic()
        if now - began > seconds:
            raise NeverAtRest(f"still unfinished after {seconds:.0f} s: {left}")
        if left and now - said > SAY_EVERY_SECONDS:
            said = now
            say(f"still to finish: {', '.join(f'{number} {what}' for what, number in left.items())}")
        await asyncio.sleep(LOOK_SECONDS if left else LOOK_SECONDS / 2)


async def _unfinished(platform: Platform) -> dict[str, int]:
    left: dict[str, int] = {}
    try:
        rows = (await asyncio.to_thread(platform.postgres.sql, _SCRIPT)).splitlines()
        is_resting = await platform.at_rest()
    except (LocalServerError, OSError, TimeoutError) as error:
        return {f"servers that do not answer ({error})": 1}
    for row in rows:
        service, what, number = row.split("|")
        if int(number):
            left[f"{what} of {service}"] = int(number)
    if not is_resting:
        left["messages on their way"] = 1
    return left


def _script() -> str:
    lines = []
    for service in SERVICES:
        lines.append(f'\\connect "{service}"')
        for what, sql in (UNFINISHED | OF_SERVICE.get(service, {})).items():
            lines.append(f"SELECT '{service}', '{what}', {sql};")
    return "\n".join(lines)


_SCRIPT = _script()
