"""The HTTP door's dependencies: a unit of work, the clock, the resources."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from shared.database import UnitOfWork, begin
from shared.resources import Resources


def resources(request: Request) -> Resources:
    """What the app was made with."""
    found: Resources = request.app.state.resources
    return found


async def _unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    async with begin(resources(request).engine) as work:
        yield work


async def _now(request: Request) -> datetime:
    return resources(request).clock.now()


# "function" scope commits before the response leaves; the default scope would commit after it.
Work = Annotated[UnitOfWork, Depends(_unit_of_work, scope="function")]
Now = Annotated[datetime, Depends(_now)]
