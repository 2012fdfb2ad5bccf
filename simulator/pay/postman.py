"""The background work: refunds settle when they are due, notices go out and come again until they are accepted."""

import asyncio
import logging
from dataclasses import replace

import aiohttp

from simulator.books import Row
from simulator.faults import Altered, Postponed, Repeated, Unsent, Untrue
from simulator.pay import notices, refunds, share_results, share_returns
from simulator.pay.notices import GOOD, VARIANTS, Outcome, Variant
from simulator.platform import Platform

MOST_AT_ONCE = 64
log = logging.getLogger(__name__)


class Postman:
    """Carries notices from the books to the shop; whatever a crash interrupts is still in the books."""

    def __init__(self, platform: Platform, client: aiohttp.ClientSession) -> None:
        self._platform, self._client = platform, client
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; what goes wrong unexpectedly is logged and tried again a second later."""
        try:
            while True:
                try:
                    self._settle_refunds()
                    share_results.settle_due(self._platform)
                    share_returns.settle_due(self._platform)
                    self._send_notices()
                except Exception:
                    log.exception("the background work failed")
                    await asyncio.sleep(1)
                await self._platform.clock.wait_until(self._next_due())
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def send_once(self, notice: Row, variant: Variant) -> Outcome:
        """Deliver a notice now, outside the queue."""
        return await notices.deliver(self._platform, self._client, notice, variant)

    def _settle_refunds(self) -> None:
        due = self._platform.books.rows(
            "SELECT * FROM refunds WHERE status = 'PROCESSING' AND settles_at <= ? ORDER BY settles_at",
            self._platform.clock.now(),
        )
        for refund in due:
            refunds.settle(self._platform, refund, self._platform.rules.refund_settles_as)

    def _send_notices(self) -> None:
        due = self._platform.books.rows(
            "SELECT * FROM notices WHERE state = 'PENDING' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?",
            self._platform.clock.now(),
            MOST_AT_ONCE,
        )
        for notice in due:
            number = notice["number"]
            if number not in self._under_way and len(self._under_way) < MOST_AT_ONCE:
                self._under_way[number] = asyncio.create_task(self._attempt(notice))

    def _next_due(self) -> float | None:
        books, now = self._platform.books, self._platform.clock.now()
        times = (
            books.value("SELECT min(settles_at) FROM refunds WHERE status = 'PROCESSING'"),
            books.value("SELECT min(settles_at) FROM share_orders WHERE state = 'PROCESSING'"),
            books.value("SELECT min(settles_at) FROM share_returns WHERE result = 'PROCESSING'"),
            books.value(
                "SELECT min(next_attempt_at) FROM notices WHERE state = 'PENDING' AND next_attempt_at > ?",
                now,
            ),
        )
        return min((time for time in times if time is not None), default=None)

    async def _attempt(self, notice: Row) -> None:
        try:
            action = self._platform.faults.for_notice(notice) if self._platform.faults.any() else None
            if isinstance(action, Unsent | Postponed):
                self._hold(notice, action)
                return
            notices.record(self._platform, notice, await self._deliver(notice, action))
            if notice["out_refund_no"] is not None:
                self._release(notice["out_trade_no"])
        except Exception:
            log.exception("a notice could not be attempted")
            await asyncio.sleep(1)
        finally:
            del self._under_way[notice["number"]]
            self._platform.clock.wake()

    async def _deliver(self, notice: Row, action: Repeated | Untrue | Altered | None) -> list[Outcome]:
        match action:
            case Repeated(kind="concurrent"):
                return await asyncio.gather(*(self.send_once(notice, variant) for variant in _copies(action)))
            case Repeated():
                return [await self.send_once(notice, variant) for variant in _copies(action)]
            case Untrue(kind="probe"):
                return [await self.send_once(notice, variant) for variant in (VARIANTS["probe"], GOOD)]
            case Untrue():
                return [await self.send_once(notice, VARIANTS[action.kind])]
            case Altered():
                altered = Variant("alter", field=action.field, value=action.value)
                return [await self.send_once(notice, altered)]
            case None:
                return [await self.send_once(notice, GOOD)]

    def _hold(self, notice: Row, action: Unsent | Postponed) -> None:
        state, next_attempt_at = "PENDING", None
        if isinstance(action, Postponed):
            next_attempt_at = self._platform.clock.now() + action.seconds
        elif action.kind == "lose":
            state = "LOST"
        self._platform.books.write(
            "UPDATE notices SET state = ?, next_attempt_at = ? WHERE number = ?",
            state,
            next_attempt_at,
            notice["number"],
        )

    def _release(self, out_trade_no: str) -> None:
        """Let a payment's notice go that waited for its order's refund to be told first."""
        self._platform.books.write(
            "UPDATE notices SET next_attempt_at = ? WHERE out_trade_no = ? AND state = 'PENDING'"
            " AND next_attempt_at IS NULL",
            self._platform.clock.now(),
            out_trade_no,
        )


def _copies(action: Repeated) -> list[Variant]:
    return [GOOD, *[replace(GOOD, name="copy", new_id=action.new_id)] * (action.copies - 1)]
