"""What the reconciliation tests say: days on which something is paid, the morning after, and what differs."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
from sqlalchemy import text

from shared.clock import SHANGHAI
from shared.ids import new_id
from tests.integration.payment.till import Till, fault
from tests.support.shop import Caller

NOON = time(12)
MORNING = time(10, 6)
"""When the bills of the day before are there."""


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """A till, day after day."""

    till: Till

    @property
    def finance(self) -> Caller:
        return self.till.shop.as_operator("finance")

    async def new_day(self, *, at: time = NOON) -> date:
        """Go on to a time of day at which nothing has happened yet; the day."""
        now = self.till.clock.now().astimezone(SHANGHAI)
        then = datetime.combine(now.date(), at, SHANGHAI)
        if then <= now:
            then += timedelta(days=1)
        await self._set_clocks(then)
        return then.date()

    async def morning_after(self, day: date) -> dict[str, Any]:
        """Go on to the time when the day's bills are there, let the timers run, and see the day."""
        await self._set_clocks(datetime.combine(day + timedelta(days=1), MORNING, SHANGHAI))
        await self.till.run_timers()
        return await self.view(day)

    async def _set_clocks(self, then: datetime) -> None:
        """Both clocks exactly: WeChat's runs by itself meanwhile."""
        self.till.clock.set(then.astimezone(UTC))
        answer = await self.till.wechat.control.put("/clock", json={"now": then.isoformat()})
        answer.raise_for_status()

    async def later(self, day: date, **by: float) -> dict[str, Any]:
        """Wait, let the timers run, and see the day."""
        await self.till.advance(**by)
        await self.till.run_timers()
        return await self.view(day)

    async def view(self, day: date) -> dict[str, Any]:
        """The day as an auditor sees it."""
        answer = await self.till.shop.as_operator("auditor").get(
            "payment", f"/operator/reconciliations/{day}"
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def view_status(self, day: date) -> int:
        """Whether there is such a day, as HTTP says it."""
        return (await self.finance.get("payment", f"/operator/reconciliations/{day}")).status_code

    async def differences(self, day: date, **filters: Any) -> list[dict[str, Any]]:
        """The day's differences, by bill, kind and number."""
        query = httpx.QueryParams({"bill_on": day.isoformat(), "limit": 100, **filters})
        answer = await self.finance.get("payment", f"/operator/reconciliation-differences?{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return sorted(found, key=lambda each: (each["bill"], each["kind"], each["number"]))

    async def kinds(self, day: date, **filters: Any) -> list[tuple[str, str]]:
        """The day's differences in brief: kind and number."""
        return [(each["kind"], each["number"]) for each in await self.differences(day, **filters)]

    async def damage(self, *damages: tuple[str, str], bill: str = "trade") -> None:
        """What the bills get wrong, each a kind and a number."""
        rules = [{"bill": bill, "kind": kind, "number": number} for kind, number in damages]
        await self.till.rules(bill_damages=rules)

    async def ask(self, day: date, *, key: str | None = None) -> httpx.Response:
        """Have finance reconcile a day."""
        headers = {"idempotency-key": key or str(new_id())}
        body = {"bill_on": day.isoformat()}
        return await self.finance.post("payment", "/operator/reconciliations", body, headers=headers)

    async def decide(self, difference: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
        """Have finance carry or resolve a difference."""
        path = f"/operator/reconciliation-differences/{difference['difference_id']}/{verb}"
        headers = {"idempotency-key": str(new_id())}
        return await self.finance.post("payment", path, {"note": "核对过了", **body}, headers=headers)

    async def refunded(self, order: dict[str, Any], refund_fen: int) -> str:
        """Refund a part of an order; the number."""
        asked = await self.till.request_refund(order, refund_fen)
        await self.till.ask_until_refunded(order)
        return asked.refund_number

    async def paid_late(self) -> dict[str, Any]:
        """An order that was closed and paid all the same: surplus, which goes back by itself."""
        order = await self.till.order()
        collected = await self.till.collect(order)
        says_closed = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}
        await self.till.wechat.faults(fault("close", order, says_closed))
        assert (await self.till.close(order)).json() == {"status": "closed"}
        await self.till.wechat.faults()
        await self.till.advance(seconds=30)
        await self.till.wechat.pay(order["order_number"], collected["request_payment"], late=True)
        await self.till.ask_until_refunded(order)
        return order

    async def many_paid(self, day: date, number: int) -> str:
        """Orders paid on a day, in our books and WeChat's at once; the prefix of their numbers."""
        prefix, start = f"M{new_id().hex[-10:].upper()}", datetime.combine(day, NOON, SHANGHAI)
        async with self.till.resources.engine.begin() as connection:
            values = {"prefix": prefix, "start": start, "number": number}
            for statement in _OURS:
                await connection.execute(text(statement), values)
        with sqlite3.connect(self.till.wechat.folder / "books.sqlite") as books:
            books.execute(_THEIRS, {"prefix": prefix, "start": start.timestamp(), "number": number})
            books.execute(_THEIR_FUNDS, {"prefix": prefix})
        return prefix

    def journals_of(self, day: date) -> Any:
        """The journals of a day's fees, as (kind, account, fen)."""
        return self.till.rows(
            "SELECT kind, account, amount_fen FROM journals JOIN journal_entries USING (journal_id)"
            " WHERE source_type = 'bill' AND source_id = :day ORDER BY kind, amount_fen DESC",
            day=day.isoformat(),
        )


_OURS = (
    "INSERT INTO payments (payment_id, order_id, order_number, description, amount_fen, status, method, transaction_id,"
    " paid_fen, opened_at, expires_at, paid_at)"
    " SELECT gen_random_uuid(), gen_random_uuid(), :prefix || n, '', 100 + n, 'succeeded', 'wechat_pay',"
    "  'T' || :prefix || n, 100 + n, :start, :start, CAST(:start AS timestamptz) + n * interval '1 second'"
    " FROM generate_series(1, :number) AS n",
    "INSERT INTO attempts (out_trade_no, payment_id, number, status, initiated_at, transaction_id, paid_at)"
    " SELECT order_number, payment_id, 1, 'succeeded', opened_at, transaction_id, paid_at FROM payments"
    " WHERE order_number LIKE :prefix || '%'",
)
_THEIRS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :number)
INSERT INTO transactions (out_trade_no, transaction_id, openid, description, total_fen, payer_total_fen, fee_fen,
  notify_url, request, trade_state, created_at, expires_at, paid_at)
SELECT :prefix || n, 'T' || :prefix || n, 'o', '', 100 + n, 100 + n, 1, '', '{}', 'SUCCESS', :start, :start, :start + n
FROM numbers
"""
_THEIR_FUNDS = """
INSERT INTO funds (at, reference, business, amount_fen, balance_fen, note, voucher)
SELECT paid_at, transaction_id, '交易', total_fen, total_fen, '', out_trade_no FROM transactions
  WHERE out_trade_no LIKE :prefix || '%'
UNION ALL
SELECT paid_at, transaction_id, '扣除交易手续费', -fee_fen, total_fen, '', out_trade_no FROM transactions
  WHERE out_trade_no LIKE :prefix || '%'
"""
