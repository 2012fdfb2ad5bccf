"""Measures a day's reconciliation: `python -m tests.integration.payment.measure_reconciliation 1000000`.

It starts a PostgreSQL of its own with its usual, crash-safe settings, books so many payments (one in twenty refunded),
writes the two bills of the day, and reconciles them as the worker's timer would, against a disk instead of WeChat Pay.
Told at the end: seconds and rows a second of each step, and the most memory that this process had.
"""

import argparse
import asyncio
import gzip
import hashlib
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres import LocalPostgres
from services.payment.reconciliation.ask_day import ask_day
from services.payment.reconciliation.reconcile_day import reconcile_day
from services.payment.resources import PaymentResources
from shared.clock import ManualClock
from shared.database import begin, create_engine
from shared.migrations import migrate
from shared.wechat.pay import BillKind, BillLink, CheckedBill
from shared.wechat.pay.bills import check_bill
from simulator.pay.bill_files import FUND_COLUMNS, FUND_SUMMARY, TRADE_COLUMNS, TRADE_SUMMARY, yuan

DAY = date(2026, 1, 2)
NOW = datetime(2026, 1, 3, 3, tzinfo=UTC)
AMOUNT_FEN, FEE_FEN, REFUND_FEN, FEE_BACK_FEN, REFUNDED_ONE_IN = 9_980, 60, 4_990, 30, 20
APPID, MCHID = "wx0123456789abcdef", "1900000001"

OURS = (
    "INSERT INTO payments (payment_id, order_id, order_number, description, amount_fen, status, method, transaction_id,"
    " paid_fen, refunded_fen, refund_count, opened_at, expires_at, paid_at)"
    " SELECT gen_random_uuid(), gen_random_uuid(), 'J' || lpad(n::text, 12, '0'), '', :amount_fen, 'succeeded',"
    "  'wechat_pay', 'T' || lpad(n::text, 12, '0'), :amount_fen, 0, 0, s.start, s.start,"
    "  s.start + n * interval '50 ms' FROM generate_series(1, :payments) AS n,"
    "  (SELECT timestamptz '2026-01-02 00:00:01+08' AS start) AS s",
    "INSERT INTO attempts (out_trade_no, payment_id, number, status, initiated_at, transaction_id, paid_at, paid_fen)"
    " SELECT order_number, payment_id, 1, 'succeeded', opened_at, transaction_id, paid_at, paid_fen FROM payments",
    "INSERT INTO refunds (refund_id, refund_number, kind, payment_id, order_id, out_trade_no, total_fen, refund_fen,"
    " reason, status, requested_at, refunded_at) SELECT gen_random_uuid(), 'R' || order_number, 'order', payment_id,"
    "  order_id, order_number, amount_fen, :refund_fen, '', 'succeeded', paid_at, paid_at FROM payments"
    "  WHERE substr(order_number, 2)::bigint % :one_in = 0",
    "INSERT INTO refund_attempts (out_refund_no, refund_id, number, status, wechat_refund_id, requested_at, accepted_at,"
    " finished_at) SELECT refund_number, refund_id, 1, 'succeeded', 'W' || refund_number, requested_at, requested_at,"
    "  requested_at FROM refunds",
)


class BillsOnDisk:
    """What WeChat Pay would answer, from files."""

    def __init__(self, files: dict[BillKind, Path]) -> None:
        self._files = files
        self._sha1 = {kind: _sha1(path) for kind, path in files.items()}

    async def bill_link(self, kind: BillKind, day: date) -> BillLink:
        return BillLink(kind, self._sha1[kind])

    async def download_bill(self, link: BillLink, path: Path) -> CheckedBill:
        await asyncio.to_thread(shutil.copyfile, self._files[BillKind(link.url)], path)
        return await asyncio.to_thread(check_bill, path, sha1=link.sha1)


def trade_lines(payments: int) -> Iterator[str]:
    """The day's trade bill."""
    yield TRADE_COLUMNS
    who = f"`2026-01-02 12:00:00,`{APPID},`{MCHID},`0,`"
    for n in range(1, payments + 1):
        numbers = f"`T{n:012},`J{n:012},`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,`JSAPI"
        yield (
            f"{who},{numbers},`SUCCESS,`OTHERS,`CNY,`{yuan(AMOUNT_FEN)},`0.00,`0,`0,`0.00,`0.00,`,`,`云南小粒咖啡豆,`,"
            f"`{yuan(FEE_FEN)},`0.60%,`{yuan(AMOUNT_FEN)},`0.00,`"
        )
        if n % REFUNDED_ONE_IN == 0:
            yield (
                f"{who},{numbers},`REFUND,`OTHERS,`CNY,`0.00,`0.00,`WRJ{n:012},`RJ{n:012},`{yuan(REFUND_FEN)},`0.00,"
                f"`ORIGINAL,`SUCCESS,`云南小粒咖啡豆,`,`{yuan(-FEE_BACK_FEN)},`0.60%,`0.00,`{yuan(REFUND_FEN)},`"
            )
    refunds = payments // REFUNDED_ONE_IN
    paid, back = yuan(payments * AMOUNT_FEN), yuan(refunds * REFUND_FEN)
    yield TRADE_SUMMARY
    yield (
        f"`{payments + refunds},`{paid},`{back},`0.00,`{yuan(payments * FEE_FEN - refunds * FEE_BACK_FEN)},"
        f"`{paid},`{back}"
    )


def fund_lines(payments: int) -> Iterator[str]:
    """The day's fund bill: each trade and its fee."""
    yield FUND_COLUMNS

    def movement(number: str, flow: str, business: str, direction: str, fen: int) -> str:
        return f"`2026-01-02 12:00:00,`{number},`{flow},`交易,`{business},`{direction},`{yuan(fen)},`1.00,`system,`,`"

    for n in range(1, payments + 1):
        yield movement(f"T{n:012}", f"F{n:012}A", "交易", "收入", AMOUNT_FEN)
        yield movement(f"T{n:012}", f"F{n:012}B", "扣除交易手续费", "支出", FEE_FEN)
        if n % REFUNDED_ONE_IN == 0:
            yield movement(f"WRJ{n:012}", f"F{n:012}C", "退款", "支出", REFUND_FEN)
            yield movement(f"WRJ{n:012}", f"F{n:012}D", "退还交易手续费", "收入", FEE_BACK_FEN)
    refunds = payments // REFUNDED_ONE_IN
    rows = payments + refunds
    income, spending = (
        payments * AMOUNT_FEN + refunds * FEE_BACK_FEN,
        payments * FEE_FEN + refunds * REFUND_FEN,
    )
    yield FUND_SUMMARY
    yield f"`{2 * rows},`{rows},`{yuan(income)},`{rows},`{yuan(spending)}"


def write(path: Path, lines: Iterator[str]) -> Path:
    """A gzipped bill, line by line."""
    with gzip.open(path, "wt", encoding="utf-8", newline="\r\n", compresslevel=1) as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


async def measure(rows: int, port: int) -> None:
    """Book, bill and reconcile a day whose trade bill has so many rows."""
    payments = rows * REFUNDED_ONE_IN // (REFUNDED_ONE_IN + 1)
    with tempfile.TemporaryDirectory(prefix="jishi-measure-") as folder:
        postgres = LocalPostgres(Path(folder) / "postgres", port=port)
        postgres.start()
        try:
            urls = postgres.ensure(["payment"])["payment"]
            await migrate(urls.owner, "services.payment.migrations")
            engine = create_engine(urls.runtime, application_name="measure")
            say("booking …")
            await _book(urls.owner, payments)
            say("billing …")
            files = {
                BillKind.TRADE: write(Path(folder) / "trade.gz", trade_lines(payments)),
                BillKind.FUND: write(Path(folder) / "fund.gz", fund_lines(payments)),
            }
            resources = _resources(engine, files, Path(folder) / "bills")
            say(f"memory before: {_peak_mib():.0f} MiB")
            await _reconcile(resources)
            say(f"most memory: {_peak_mib():.0f} MiB")
            await engine.dispose()
        finally:
            postgres.stop()


async def _book(url: str, payments: int) -> None:
    engine = create_engine(url, application_name="measure-books")
    async with engine.begin() as connection:
        driver: Any = await connection.get_raw_connection()
        values = {
            "payments": payments,
            "amount_fen": AMOUNT_FEN,
            "refund_fen": REFUND_FEN,
            "one_in": REFUNDED_ONE_IN,
        }
        for statement in OURS:
            written = statement
            for name, value in values.items():
                written = written.replace(f":{name}", str(value))
            await driver.driver_connection.execute(written, timeout=600)
    await engine.dispose()


def _resources(engine: AsyncEngine, files: dict[BillKind, Path], folder: Path) -> PaymentResources:
    """Of a payment worker, what a reconciliation uses."""
    found = SimpleNamespace(
        engine=engine,
        clock=ManualClock(NOW),
        account=SimpleNamespace(mchid=MCHID, appid=APPID),
        wechat_pay=BillsOnDisk(files),
        bill_folder=folder,
        answered=_at_once,
    )
    return cast(PaymentResources, found)


async def _at_once(call: Any) -> Any:
    return await call


async def _reconcile(resources: PaymentResources) -> None:
    async with begin(resources.engine) as work:
        await ask_day(work, DAY, by=None, at=NOW)
    started, worked = time.monotonic(), time.process_time()
    watching = asyncio.create_task(_watch(resources.engine))
    turns = 1
    while await reconcile_day(resources, DAY, at=NOW) is not None:
        turns += 1
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - worked
    await watching
    async with resources.engine.connect() as connection:
        closed = (await connection.execute(text("SELECT * FROM reconciliation_closings"))).mappings().one()
        rows = await connection.execute(text("SELECT bill, rows_read FROM bills ORDER BY bill"))
        read = {str(row.bill): int(row.rows_read) for row in rows}
    say(
        f"closed: {closed['payments']} payments, {closed['refunds']} refunds, no difference; rows read: {read}"
    )
    rows_a_second = f"{sum(read.values()) / seconds:,.0f} rows read and compared a second"
    say(f"{seconds:.1f} s in {turns} turns ({cpu_seconds:.1f} s of this process's CPU), {rows_a_second}")


async def _watch(engine: AsyncEngine) -> None:
    """Tell the steps as they pass."""
    step, since, worked = "read_trades", time.monotonic(), time.process_time()
    while step != "done":
        await asyncio.sleep(0.1)
        async with engine.connect() as connection:
            now = (await connection.execute(text("SELECT step FROM reconciliations"))).scalar_one()
        if now != step:
            cpu_seconds = time.process_time() - worked
            say(f"{step}: {time.monotonic() - since:.1f} s ({cpu_seconds:.1f} s CPU), {_peak_mib():.0f} MiB")
            step, since, worked = now, time.monotonic(), time.process_time()


def _sha1(path: Path) -> str:
    digest = hashlib.sha1()
    with gzip.open(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(text: str) -> None:
    """One line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--port", type=int, default=7532, help="for its PostgreSQL")
    asked = parser.parse_args()
    asyncio.run(measure(asked.rows, asked.port))
