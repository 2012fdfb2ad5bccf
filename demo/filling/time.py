"""The time of the demo's weeks: it jumps from one happening to the next, and never over what is due between."""

import asyncio
from datetime import datetime

from sqlalchemy import text

from demo.filling.wechat import WeChat
from deploy.local.platform import Platform
from shared.clock import ManualClock
from shared.database import reading

TALKING_TO_WECHAT = ("order", "payment")
"""Whose timers call WeChat, which believes no signature of another time."""

_NEXT_TIMER = text("SELECT min(due_at) FROM timers WHERE due_at > :now")


class Time:
    """The shop's clock, and WeChat's beside it: nobody believes a signature that is 5 minutes off."""

    def __init__(self, platform: Platform, clock: ManualClock, wechat: WeChat) -> None:
        self._platform = platform
        self._clock = clock
        self._wechat = wechat
        self._is_quiet = False
        self._next_timer_at: datetime | None = None

    def now(self) -> datetime:
        """The present instant."""
        return self._clock.now()

    async def tell_wechat(self) -> None:
        """Have WeChat's clock agree with the shop's; needed before the two deal with each other."""
        await self._wechat.set_clock(self.now())

    def stir(self) -> None:
        """Something was announced, or is to be done by the clock: time stands still until everybody has reacted."""
        self._is_quiet = False

    async def go_to(self, at: datetime) -> None:
        """Let time pass, stopping wherever the order or payment service has something to do by the clock."""
        await self.settle()
        while self._next_timer_at is not None and self._next_timer_at <= at:
            self._clock.set(self._next_timer_at)
            await self.tell_wechat()
            self.stir()
            await self.settle()
        self._clock.set(at)

    async def settle(self) -> None:
        """Wait until every event has been reacted to and every due timer has run."""
        if not self._is_quiet:
            await self.run_timers()
            await self._platform.settle()
            self._next_timer_at = await self._next_timer()
            self._is_quiet = True

    async def run_timers(self) -> None:
        """Run what is due at once, not waiting for the workers to look at the clock."""
        await asyncio.gather(
            *(self._platform.workers[name].timer_loop.run_due() for name in TALKING_TO_WECHAT)
        )

    async def _next_timer(self) -> datetime | None:
        async def first(name: str) -> datetime | None:
            async with reading(self._platform.resources[name].engine) as connection:
                due_at: datetime | None = (
                    await connection.execute(_NEXT_TIMER, {"now": self.now()})
                ).scalar_one_or_none()
                return due_at

        found = await asyncio.gather(*map(first, TALKING_TO_WECHAT))
        return min((at for at in found if at is not None), default=None)
