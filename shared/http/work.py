"""What endpoints take: a unit of work, the time, the resources of their service."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from shared.database import UnitOfWork, begin
from shared.resources import Resources


async def own(request: Request) -> Any:
    """What the app was made with; a service gives it the type of its own resources: ``Own``."""
    return request.app.state.resources


def _resources(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found


async def _unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    async with begin(_resources(request).engine) as work:
        yield work


async def _now(request: Request) -> datetime:
    return _resources(request).clock.now()


# "function" scope commits before the response leaves; the default scope would commit after it.
Work = Annotated[UnitOfWork, Depends(_unit_of_work, scope="function")]
Now = Annotated[datetime, Depends(_now)]
