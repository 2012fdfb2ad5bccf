"""A refund, its attempts under their numbers, and what must be true of a statement about one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.wechat.pay import Refund as SaidRefund

ADVANCE_REFUND = "payment.advance-refund"
"""The timer that calls or queries the provider, one per refund attempt."""

CALL_AGAIN_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 65, 120, 300))
"""Pauses between calls of unknown outcome or that must wait; the fourth is past WeChat's minute between refunds."""

LOOK_AGAIN_AFTER = timedelta(minutes=1)
"""How long a refund waits for shares to be returned before it looks again."""

QUERY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600))
"""Pauses between queries of an accepted refund; cards take days."""

WAITING = ("NOT_ENOUGH", "NOTENOUGH", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED")
"""Refusals that pass: the same number is tried again (wechat.md 5.10)."""


class RefundKind(StrEnum):
    """Whose money goes back: an order's, on its word, or a surplus, by itself."""

    ORDER = "order"
    SURPLUS = "surplus"


class RefundStatus(StrEnum):
    """Where a refund stands; FAILED waits for an operator, REFUSED never was one (more than was paid)."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"


class RefundAttemptStatus(StrEnum):
    """Where a try stands: REQUESTED before the provider accepted it, then as the provider says."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    ABNORMAL = "abnormal"
    CLOSED = "closed"
    REFUSED = "refused"


class SentTo(StrEnum):
    """Where an operator had an abnormal refund's money sent instead (wechat.md 5.10)."""

    USER_BANK_CARD = "user_bank_card"
    MERCHANT_ACCOUNT = "merchant_account"


UNFINISHED = (RefundAttemptStatus.REQUESTED, RefundAttemptStatus.PROCESSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money to be given back once, of one transaction (``out_trade_no``, ``total_fen``)."""

    refund_id: UUID
    refund_number: str
    kind: RefundKind
    payment_id: UUID
    order_id: UUID
    out_trade_no: str
    total_fen: int
    refund_fen: int
    reason: str
    status: RefundStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAttempt:
    """One number under which the provider is asked."""

    out_refund_no: str
    refund_id: UUID
    number: int
    status: RefundAttemptStatus
    calls: int
    wechat_refund_id: str | None
    last_error: str | None
    sent_to: SentTo | None


def out_refund_no(refund_number: str, number: int) -> str:
    """The provider's number of a refund's attempt: its one number; -2 … only after the provider CLOSED it (P8)."""
    return refund_number if number == 1 else f"{refund_number}-{number}"


def surplus_number(out_trade_no: str) -> str:
    """The one number under which a surplus payment goes back (P5)."""
    return f"SURPLUS-{out_trade_no}"


def next_call_at(calls: int, *, at: datetime) -> datetime:
    """When a call of unknown outcome is made again."""
    return at + CALL_AGAIN_AFTER[min(calls, len(CALL_AGAIN_AFTER)) - 1]


def next_query_at(queries: int, *, at: datetime) -> datetime:
    """When an accepted refund is looked at again."""
    return at + QUERY_AFTER[min(queries, len(QUERY_AFTER)) - 1]


def differences(said: SaidRefund, refund: Refund, attempt: RefundAttempt) -> dict[str, object]:
    """What a statement about a refund says differently from what was asked for (P4)."""
    wanted: dict[str, object] = {
        "out_trade_no": refund.out_trade_no,
        "total_fen": refund.total_fen,
        "refund_fen": refund.refund_fen,
        "refund_id": attempt.wechat_refund_id or said.refund_id,
    }
    found = {name: getattr(said, name) for name in wanted}
    return {name: found[name] for name in wanted if found[name] != wanted[name]}
