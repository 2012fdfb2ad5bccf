"""What every door of the simulator needs, in one value."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from simulator.books import Books
from simulator.clock import Clock
from simulator.faults import Faults
from simulator.merchant import Merchant
from simulator.pay.seals import Seals
from simulator.settings import Rules, SimulatorSettings


@dataclass(slots=True)
class Platform:
    """The simulated platform; `rules` alone is replaced while it runs."""

    settings: SimulatorSettings
    rules: Rules
    merchant: Merchant
    books: Books
    clock: Clock
    seals: Seals
    faults: Faults


def platform_of(request: Request) -> Platform:
    """The platform that this request came to."""
    return cast(Platform, request.app.state.platform)
