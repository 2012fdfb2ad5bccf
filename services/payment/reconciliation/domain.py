"""The steps of a day's reconciliation, what may differ, and what counts as agreeing."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from shared.clock import SHANGHAI, shop_day
from shared.wechat.pay import BillKind, FundFlowRow, TradeRow

RECONCILE = "payment.reconcile"
"""The timer that brings one day forward; its key is the day."""
OPEN_RECONCILIATIONS = "payment.open-reconciliations"
"""The daily timer that asks for the days that are over."""

BILLS_READY = time(10, 5)
"""When the bills of the day before are there, in Shanghai (wechat.md 5.11)."""
KEPT_FOR = timedelta(days=90)
"""How long after a day its bills can be asked for (wechat.md 5.11: three months)."""
NOT_READY_PAUSE = timedelta(minutes=10)
SILENT_PAUSE = timedelta(minutes=2)
REFUSED_PAUSE = timedelta(hours=1)


class Status(StrEnum):
    """RUNNING until both bills were read whole and compared; COMPARED while differences are open; CLOSED for good."""

    RUNNING = "running"
    COMPARED = "compared"
    CLOSED = "closed"


class Step(StrEnum):
    """What is done next, in this order."""

    READ_TRADES = "read_trades"
    READ_FUNDS = "read_funds"
    COMPARE_TRADES = "compare_trades"
    COMPARE_PAYMENTS = "compare_payments"
    COMPARE_REFUNDS = "compare_refunds"
    COMPARE_SETTLEMENTS = "compare_settlements"
    COMPARE_FUNDS = "compare_funds"
    FINISH = "finish"
    DONE = "done"

    @property
    def next(self) -> "Step":
        """The step after this one."""
        steps = list(Step)
        return steps[steps.index(self) + 1]


class DifferenceKind(StrEnum):
    """What is wrong; the difference's ``bill`` tells which of the two it was found in."""

    BAD_HASH = "bad_hash"
    UNREADABLE_BILL = "unreadable_bill"
    UNREADABLE_ROW = "unreadable_row"
    SUMMARY_DIFFERS = "summary_differs"
    DUPLICATE_ROW = "duplicate_row"
    MISSING_IN_BOOKS = "missing_in_books"
    MISSING_IN_BILL = "missing_in_bill"
    IDENTITY_DIFFERS = "identity_differs"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    DAY_DIFFERS = "day_differs"
    MISSING_IN_FUND_BILL = "missing_in_fund_bill"
    MISSING_IN_TRADE_BILL = "missing_in_trade_bill"
    FUND_AMOUNT_DIFFERS = "fund_amount_differs"
    FEE_DIFFERS = "fee_differs"
    UNKNOWN_FUND_ROW = "unknown_fund_row"


ABOUT_THE_FILE = (DifferenceKind.BAD_HASH, DifferenceKind.UNREADABLE_BILL)
"""Differences that end by themselves once the bill could be read whole."""
ABOUT_THE_READING = (DifferenceKind.UNREADABLE_ROW, DifferenceKind.SUMMARY_DIFFERS)
"""Differences that are found while reading, and stand as long as the file does."""


class DifferenceStatus(StrEnum):
    """OPEN keeps its day from being closed; CARRIED has a person who goes on looking; RESOLVED is decided."""

    OPEN = "open"
    CARRIED = "carried"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why a difference is none any more; the last three happen by themselves."""

    EXPLAINED = "explained"
    BOOKS_CORRECTED = "books_corrected"
    PROVIDER_CORRECTED = "provider_corrected"
    WRITTEN_OFF = "written_off"
    FOUND_NEXT_DAY = "found_next_day"
    GONE = "gone"
    READ_WHOLE = "read_whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Where a day stands: the step, and how far it got in it. ``run`` counts how often it was begun."""

    bill_on: date
    status: Status
    step: Step
    position: int
    cursor_at: datetime | None
    cursor_number: str | None
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One of a day's two bills; without a ``sha1`` and read, nothing happened that day."""

    kind: BillKind
    sha1: str | None
    rows: int | None
    rows_read: int
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many rows one transaction takes, and for how long one turn of the timer goes on."""

    rows: int = 5_000
    seconds: float = 30.0


AGREEING = {
    ("payment", "SUCCESS"): ("succeeded",),
    ("refund", "SUCCESS"): ("succeeded",),
    ("refund", "PROCESSING"): ("processing", "succeeded", "abnormal", "closed"),
    ("refund", "CHANGE"): ("abnormal", "processing", "succeeded"),
    ("refund", "FAIL"): ("closed",),
}
"""The states of ours that a bill's state agrees with; a refund may have gone on since the bill was made at 9:00."""

CATEGORIES = {
    ("交易", 1): "payment",
    ("扣除交易手续费", -1): "payment_fee",
    ("交易手续费", -1): "payment_fee",
    ("退款", -1): "refund",
    ("退还交易手续费", 1): "refund_fee",
    ("交易手续费", 1): "refund_fee",
    ("退款关闭退回", 1): "refund_returned",
    ("重新扣除交易手续费", -1): "refund_fee_returned",
    ("分账", -1): "profit_share",
    ("分账回退", 1): "profit_share_return",
    ("充值", 1): "top_up",
    ("提现", -1): "withdrawal",
}
"""What a movement of the fund bill is, by its 业务类型 and whether money came in."""


def agreeing_states() -> list[str]:
    """Every agreeing pair as ``kind:theirs:ours``."""
    return [f"{kind}:{theirs}:{own}" for (kind, theirs), ours in AGREEING.items() for own in ours]


def category_of(row: FundFlowRow) -> str:
    """What a movement is; ``unknown`` for one that is not understood."""
    return CATEGORIES.get((row.business_type, 1 if row.amount_fen > 0 else -1), "unknown")


def is_refund(row: TradeRow) -> bool:
    """Whether a trade row is a refund's."""
    return row.trade_state == "REFUND"


def bills_ready_at(bill_on: date) -> datetime:
    """When a day's bills can be asked for."""
    return datetime.combine(bill_on + timedelta(days=1), BILLS_READY, SHANGHAI).astimezone(UTC)


def last_billed_day(at: datetime) -> date:
    """The newest day whose bills can be there."""
    yesterday = shop_day(at) - timedelta(days=1)
    return yesterday if at >= bills_ready_at(yesterday) else yesterday - timedelta(days=1)


def first_kept_day(at: datetime) -> date:
    """The oldest day whose bills can still be asked for."""
    return shop_day(at) - KEPT_FOR
