"""Reconciliations, their bills and differences. Whoever changes a day holds its row's lock."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.payment.reconciliation.domain import Bill, DifferenceKind, Reconciliation, Status, Step
from shared.connection import Connection, Row
from shared.wechat.pay import BillKind

_COLUMNS = "bill_on, status, step, position, cursor_at, cursor_number, run"
_OPEN = text(
    "INSERT INTO reconciliations (bill_on, status, step, asked_at, asked_by)"
    " SELECT day, 'running', 'read_trades', :at, :by FROM unnest(CAST(:days AS date[])) AS day"
    " ON CONFLICT DO NOTHING RETURNING bill_on"
)
_OPEN_BILLS = text(
    "INSERT INTO bills (bill_on, bill)"
    " SELECT day, bill FROM unnest(CAST(:days AS date[])) AS day, unnest(ARRAY['trade', 'fund']) AS bill"
    " ON CONFLICT DO NOTHING"
)
_FIND = text(f"SELECT {_COLUMNS} FROM reconciliations WHERE bill_on = :bill_on")
_LOCK = text(
    f"SELECT {_COLUMNS} FROM reconciliations WHERE bill_on = ANY(CAST(:days AS date[])) ORDER BY bill_on FOR UPDATE"
)
_MOVE = text(
    "UPDATE reconciliations SET step = :step, position = :position, cursor_at = :cursor_at,"
    " cursor_number = :cursor_number, payments_compared = payments_compared + :payments,"
    " refunds_compared = refunds_compared + :refunds, fees_charged_fen = fees_charged_fen + :fees_charged_fen,"
    " fees_returned_fen = fees_returned_fen + :fees_returned_fen, last_error = NULL WHERE bill_on = :bill_on"
)
_RESTART = text(
    "WITH again AS (UPDATE reconciliations SET status = 'running', step = 'read_trades', position = 0,"
    "  cursor_at = NULL, cursor_number = NULL, run = run + 1, payments_compared = 0, refunds_compared = 0,"
    "  fees_charged_fen = 0, fees_returned_fen = 0, last_error = NULL, asked_at = :at, asked_by = :by"
    "  WHERE bill_on = :bill_on)"
    " UPDATE bills SET rows_compared = 0 WHERE bill_on = :bill_on"
)
_SET_STATUS = text(
    "UPDATE reconciliations SET status = :status, step = 'done', position = 0,"
    " compared_at = coalesce(:compared_at, compared_at) WHERE bill_on = :bill_on"
)
_FAIL = text("UPDATE reconciliations SET last_error = :error WHERE bill_on = :bill_on")
_BILL = text(
    "SELECT bill AS kind, sha1, rows, rows_read, read_at FROM bills WHERE bill_on = :bill_on AND bill = :bill"
)
_ANNOUNCE = text(
    "UPDATE bills SET sha1 = :sha1, bytes = NULL, rows = NULL, rows_read = 0, read_at = NULL"
    " WHERE bill_on = :bill_on AND bill = :bill"
)
_CHECKED = text("UPDATE bills SET bytes = :bytes, rows = :rows WHERE bill_on = :bill_on AND bill = :bill")
_COUNT = text(
    "UPDATE bills SET rows_read = :rows_read, read_at = :read_at WHERE bill_on = :bill_on AND bill = :bill"
)
_COMPARED = text("UPDATE bills SET rows_compared = :rows_compared WHERE bill_on = :bill_on AND bill = :bill")
FOUND_AGAIN = (
    " ON CONFLICT (bill_on, bill, kind, number) DO UPDATE SET found_run = excluded.found_run,"
    " bill_facts = excluded.bill_facts, books_facts = excluded.books_facts,"
    " status = CASE WHEN d.resolution IN ('gone', 'read_whole') THEN 'open' ELSE d.status END,"
    " resolved_at = CASE WHEN d.resolution IN ('gone', 'read_whole') THEN NULL ELSE d.resolved_at END,"
    " resolution = CASE WHEN d.resolution IN ('gone', 'read_whole') THEN NULL ELSE d.resolution END"
)
"""A difference that is found again keeps what people decided about it; one that had ended by itself is open again."""
_DIFFER = text(
    "INSERT INTO reconciliation_differences AS d (bill_on, bill, kind, number, bill_facts, found_run, found_at)"
    " SELECT :bill_on, :bill, :kind, number, CAST(facts AS jsonb), :run, :at"
    " FROM unnest(CAST(:numbers AS text[]), CAST(:facts AS text[])) AS found (number, facts)" + FOUND_AGAIN
)


class Reconciliations:
    """The reconciliations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, days: Sequence[date], *, by: UUID | None, at: datetime) -> list[date]:
        """Begin with days, and tell which are new; those that were begun before stay as they are."""
        opened = await self._connection.execute(_OPEN, {"days": list(days), "by": by, "at": at})
        await self._connection.execute(_OPEN_BILLS, {"days": list(days)})
        return list(opened.scalars())

    async def find(self, bill_on: date) -> Reconciliation | None:
        """A day as it stands."""
        row = (await self._connection.execute(_FIND, {"bill_on": bill_on})).one_or_none()
        return None if row is None else _reconciliation(row)

    async def lock(self, *days: date) -> list[Reconciliation]:
        """Those of the days that were begun, oldest first, locked in this order."""
        rows = await self._connection.execute(_LOCK, {"days": list(days)})
        return [_reconciliation(row) for row in rows]

    async def still(self, before: Reconciliation) -> bool:
        """Lock a day; whether it is where it was when the work for it began, not moved on by another worker."""
        return await self.lock(before.bill_on) == [before]

    async def move(
        self,
        bill_on: date,
        step: Step,
        *,
        position: int = 0,
        cursor: tuple[datetime, str] | None = None,
        payments: int = 0,
        refunds: int = 0,
        fees_charged_fen: int = 0,
        fees_returned_fen: int = 0,
    ) -> None:
        """Note how far a day got, and what was counted on the way."""
        await self._connection.execute(
            _MOVE,
            {
                "bill_on": bill_on,
                "step": step,
                "position": position,
                "cursor_at": cursor and cursor[0],
                "cursor_number": cursor and cursor[1],
                "payments": payments,
                "refunds": refunds,
                "fees_charged_fen": fees_charged_fen,
                "fees_returned_fen": fees_returned_fen,
            },
        )

    async def restart(self, bill_on: date, *, by: UUID | None, at: datetime) -> None:
        """Begin again with a day that is not closed."""
        await self._connection.execute(_RESTART, {"bill_on": bill_on, "by": by, "at": at})

    async def set_status(self, bill_on: date, status: Status, *, compared_at: datetime | None = None) -> None:
        """Note that a day was compared, or closed."""
        values = {"bill_on": bill_on, "status": status, "compared_at": compared_at}
        await self._connection.execute(_SET_STATUS, values)

    async def record_error(self, bill_on: date, error: str) -> None:
        """Note why a day has to wait."""
        await self._connection.execute(_FAIL, {"bill_on": bill_on, "error": error[:500]})

    async def bill(self, bill_on: date, kind: BillKind) -> Bill:
        """One of a day's two bills."""
        row = (await self._connection.execute(_BILL, {"bill_on": bill_on, "bill": kind})).one()
        return Bill(**{**dict(row), "kind": BillKind(row.kind)})

    async def announce_bill(self, bill_on: date, kind: BillKind, sha1: str | None) -> None:
        """Note which file is to be read, from its first row; None when there is none."""
        await self._connection.execute(_ANNOUNCE, {"bill_on": bill_on, "bill": kind, "sha1": sha1})

    async def record_checked(self, bill_on: date, kind: BillKind, *, size: int, rows: int) -> None:
        """Note what the proved file holds."""
        values = {"bill_on": bill_on, "bill": kind, "bytes": size, "rows": rows}
        await self._connection.execute(_CHECKED, values)

    async def count_read(
        self, bill_on: date, kind: BillKind, rows_read: int, *, read_at: datetime | None
    ) -> None:
        """Note how many rows were read, and when it was the whole bill."""
        values = {"bill_on": bill_on, "bill": kind, "rows_read": rows_read, "read_at": read_at}
        await self._connection.execute(_COUNT, values)

    async def count_compared(self, bill_on: date, kind: BillKind, rows_compared: int) -> None:
        """Note how many rows were compared."""
        values = {"bill_on": bill_on, "bill": kind, "rows_compared": rows_compared}
        await self._connection.execute(_COMPARED, values)

    async def differ(
        self,
        before: Reconciliation,
        kind: BillKind,
        difference: DifferenceKind,
        found: Sequence[tuple[str, dict[str, Any]]],
        *,
        at: datetime,
    ) -> None:
        """Add differences of one kind, each a number and what the bill says; one that was found before stays."""
        values = {"bill_on": before.bill_on, "bill": kind, "kind": difference, "run": before.run, "at": at}
        numbers, facts = [each[0] for each in found], [orjson.dumps(each[1]).decode() for each in found]
        await self._connection.execute(_DIFFER, values | {"numbers": numbers, "facts": facts})


def _reconciliation(row: Row) -> Reconciliation:
    said = dict(row)
    return Reconciliation(**{**said, "status": Status(said["status"]), "step": Step(said["step"])})
