"""Reading a bill into the database, a batch of rows a transaction; after a crash it goes on with the next row."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import text

from services.payment.reconciliation.bill_rows import (
    forget_rows,
    fund_values,
    insert_rows,
    totals,
    trade_values,
)
from services.payment.reconciliation.domain import (
    ABOUT_THE_FILE,
    ABOUT_THE_READING,
    Bill,
    DifferenceKind,
    Pace,
    Reconciliation,
    Resolution,
)
from services.payment.reconciliation.fetch_bill import fetch_bill
from services.payment.reconciliation.storage import Reconciliations
from services.payment.resources import PaymentResources
from shared.connection import Connection
from shared.database import begin, reading
from shared.wechat.pay import (
    FUND_FLOW_FORM,
    TRADE_FORM,
    BillKind,
    BillLink,
    FundFlowRow,
    MalformedAnswer,
    OpenBill,
    PaySettings,
    TradeRow,
    UnreadableRow,
)

FORMS: Mapping[BillKind, Any] = {BillKind.TRADE: TRADE_FORM, BillKind.FUND: FUND_FLOW_FORM}

_END = text(
    "UPDATE reconciliation_differences SET status = 'resolved', resolution = :resolution, resolved_at = :at"
    " WHERE bill_on = :bill_on AND bill = :bill AND kind = ANY(:kinds) AND status <> 'resolved'"
)


class UnreadableBill(Exception):
    """The file is the announced one, but not a bill as we know them."""


async def read_bill(
    resources: PaymentResources,
    before: Reconciliation,
    kind: BillKind,
    *,
    pace: Pace,
    until: float,
    at: datetime,
) -> None:
    """Go on reading one of a day's bills until it is whole, or for so long.

    Raises UnreadableBill, and what the client raises: BillNotReady, BillDiffers, WeChatPayRefused, OutcomeUnknown.
    """
    link = await resources.answered(resources.wechat_pay.bill_link(kind, before.bill_on))
    sha1 = None if link is None else link.sha1
    async with reading(resources.engine) as connection:
        bill = await Reconciliations(connection).bill(before.bill_on, kind)
    if bill.sha1 != sha1:
        await _start_over(resources, before, kind, sha1, at=at)
    elif bill.read_at is not None or link is None:
        await _pass(resources, before, bill, at=at)
    elif before.position != bill.rows_read:
        await _go_to(resources, before, bill.rows_read)
    else:
        await _read(resources, before, bill, link, pace=pace, until=until, at=at)


async def _start_over(
    resources: PaymentResources, before: Reconciliation, kind: BillKind, sha1: str | None, *, at: datetime
) -> None:
    """Another file than before is announced: forget what was read of that one."""
    forgotten = 1
    while forgotten:
        async with begin(resources.engine) as work:
            reconciliations = Reconciliations(work.connection)
            if not await reconciliations.still(before):
                return
            forgotten = await forget_rows(work.connection, before.bill_on, kind)
            if not forgotten:
                await _end(work.connection, before, kind, ABOUT_THE_READING, Resolution.GONE, at=at)
                await reconciliations.announce_bill(before.bill_on, kind, sha1)
                await reconciliations.move(before.bill_on, before.step)


async def _pass(resources: PaymentResources, before: Reconciliation, bill: Bill, *, at: datetime) -> None:
    """Nothing is to be read: the same file was, or nothing happened that day."""
    async with begin(resources.engine) as work:
        reconciliations = Reconciliations(work.connection)
        if await reconciliations.still(before):
            await reconciliations.count_read(
                before.bill_on, bill.kind, bill.rows_read, read_at=bill.read_at or at
            )
            await _end(work.connection, before, bill.kind, ABOUT_THE_FILE, Resolution.READ_WHOLE, at=at)
            await reconciliations.move(before.bill_on, before.step.next)


async def _go_to(resources: PaymentResources, before: Reconciliation, rows_read: int) -> None:
    async with begin(resources.engine) as work:
        reconciliations = Reconciliations(work.connection)
        if await reconciliations.still(before):
            await reconciliations.move(before.bill_on, before.step, position=rows_read)


async def _read(
    resources: PaymentResources,
    before: Reconciliation,
    bill: Bill,
    link: BillLink,
    *,
    pace: Pace,
    until: float,
    at: datetime,
) -> None:
    path, checked = await fetch_bill(resources, before.bill_on, bill.kind, link)
    if checked is not None:
        async with begin(resources.engine) as work:
            await Reconciliations(work.connection).record_checked(
                before.bill_on, bill.kind, size=checked.bytes, rows=checked.rows
            )
    try:
        is_done = await _read_file(resources, before, bill.kind, path, pace=pace, until=until, at=at)
    except (MalformedAnswer, FileNotFoundError) as error:  # another worker may have finished with the file
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise UnreadableBill(str(error)) from error
    if is_done:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _read_file(
    resources: PaymentResources,
    before: Reconciliation,
    kind: BillKind,
    path: Path,
    *,
    pace: Pace,
    until: float,
    at: datetime,
) -> bool:
    """Read on from where the day stands, a batch at least; whether the file is not needed any more."""
    with await asyncio.to_thread(OpenBill, path, FORMS[kind]) as file:
        await asyncio.to_thread(file.skip, before.position)
        while True:
            batch = await asyncio.to_thread(_take, file, before.position, pace.rows, resources.account)
            if not await _keep(resources, before, kind, batch, file.summary, at=at):
                return False
            if file.summary is not None:
                return True
            if monotonic() >= until:
                return False
            before = replace(before, position=before.position + batch.size)


class _Batch:
    """Rows on their way into the database."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.unreadable: list[tuple[str, dict[str, Any]]] = []

    @property
    def size(self) -> int:
        """How many rows of the file these are."""
        return len(self.rows) + len(self.unreadable)


def _take(file: OpenBill[Any, Any], position: int, limit: int, account: PaySettings) -> _Batch:
    batch = _Batch()
    for row_number, row in enumerate(file.take(limit), position + 1):
        match row:
            case TradeRow():
                batch.rows.append(trade_values(row_number, row, account))
            case FundFlowRow():
                batch.rows.append(fund_values(row_number, row))
            case UnreadableRow():
                facts = {"row_number": row_number, "reason": row.reason}
                batch.unreadable.append((f"#{row_number}", facts))
    return batch


async def _keep(
    resources: PaymentResources,
    before: Reconciliation,
    kind: BillKind,
    batch: _Batch,
    summary: Any,
    *,
    at: datetime,
) -> bool:
    """Commit a batch; False when another worker has read on meanwhile."""
    async with begin(resources.engine) as work:
        reconciliations = Reconciliations(work.connection)
        if not await reconciliations.still(before):
            return False
        position = before.position + batch.size
        await insert_rows(work.connection, before.bill_on, kind, batch.rows)
        if batch.unreadable:
            await reconciliations.differ(before, kind, DifferenceKind.UNREADABLE_ROW, batch.unreadable, at=at)
        if summary is None:
            await reconciliations.count_read(before.bill_on, kind, position, read_at=None)
            await reconciliations.move(before.bill_on, before.step, position=position)
        else:
            await reconciliations.count_read(before.bill_on, kind, position, read_at=at)
            await _compare_summary(work.connection, before, kind, asdict(summary), position, at=at)
            await _end(work.connection, before, kind, ABOUT_THE_FILE, Resolution.READ_WHOLE, at=at)
            await reconciliations.move(before.bill_on, before.step.next)
    return True


async def _compare_summary(
    connection: Connection,
    before: Reconciliation,
    kind: BillKind,
    told: dict[str, int],
    rows: int,
    *,
    at: datetime,
) -> None:
    """What the bill says of itself must be what its rows come to."""
    found = {**await totals(connection, before.bill_on, kind), "rows": rows}
    different = [
        (name, {"summary": told[name], "rows": found[name]}) for name in told if told[name] != found[name]
    ]
    if different:
        await Reconciliations(connection).differ(
            before, kind, DifferenceKind.SUMMARY_DIFFERS, different, at=at
        )


async def _end(
    connection: Connection,
    before: Reconciliation,
    kind: BillKind,
    differences: Sequence[DifferenceKind],
    resolution: Resolution,
    *,
    at: datetime,
) -> None:
    """Differences that are about a file, or about its trouble, are over with it."""
    await connection.execute(
        _END,
        {
            "bill_on": before.bill_on,
            "bill": kind,
            "kinds": list(differences),
            "resolution": resolution,
            "at": at,
        },
    )
