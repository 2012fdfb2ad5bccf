"""A payment, its attempts, and what must be true of a statement before it counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.wechat.pay import PaySettings, TradeState, Transaction

QUERY_ATTEMPT = "payment.query-attempt"
"""The timer that looks at the provider, one per attempt."""

PREPAY_IS_GOOD_FOR = timedelta(hours=2) - timedelta(minutes=5)
"""A prepay_id lives two hours (wechat.md 5.6); an older one is not handed out any more."""

CALL_MAY_ARRIVE_FOR = timedelta(seconds=30)
"""How long after an unanswered prepay call the provider may still come to know the order."""

KNOWN_AFTER = timedelta(minutes=10)
"""How long after a prepay a query may wrongly say that there is no such order."""

QUERY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 60, 180, 300, 600, 1800))
QUERY_AT_LEAST_EVERY = timedelta(minutes=4)
LAST_LOOK_AFTER = timedelta(minutes=10)
"""When a closed attempt is looked at once more, should its late payment go unannounced (P5)."""


class PaymentStatus(StrEnum):
    """Where collecting for an order stands; SUCCEEDED and CLOSED are final."""

    PAYING = "paying"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"


class AttemptStatus(StrEnum):
    """Where one try at the provider stands; a CLOSED one may yet turn out paid, which is surplus."""

    INITIATED = "initiated"
    PREPAID = "prepaid"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"


OPEN = (AttemptStatus.INITIATED, AttemptStatus.PREPAID)


class Method(StrEnum):
    """How an order was paid."""

    WECHAT_PAY = "wechat_pay"
    ZERO = "zero"


class Surplus(StrEnum):
    """Why money is nobody's (P5): its payment was closed before, or succeeded by another attempt, or it differs."""

    LATE = "late"
    DUPLICATE = "duplicate"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOrder:
    """What the order service wants collected; the same for every repeat."""

    order_id: UUID
    order_number: str
    member_id: UUID
    payer_openid: str | None
    amount_fen: int
    description: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Collecting for one order; a tombstone, closed before it was asked for, has no order number."""

    payment_id: UUID
    order_id: UUID
    order_number: str | None
    member_id: UUID | None
    payer_openid: str | None
    description: str
    amount_fen: int
    status: PaymentStatus
    method: Method | None
    transaction_id: str | None
    expires_at: datetime
    closing_at: datetime | None

    def is_for(self, order: PaymentOrder) -> bool:
        """Whether a repeated wish is the same wish; only the first description and deadline count."""
        return (self.order_number, self.member_id, self.payer_openid, self.amount_fen) == (
            order.order_number,
            order.member_id,
            order.payer_openid,
            order.amount_fen,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at the provider under its own number; ``paid_fen`` and ``surplus_reason`` once it was paid.

    Under a share rule its money is frozen for profit sharing.
    """

    out_trade_no: str
    payment_id: UUID
    number: int
    status: AttemptStatus
    prepay_id: str | None
    prepaid_at: datetime | None
    may_appear_until: datetime | None
    initiated_at: datetime
    transaction_id: str | None
    paid_fen: int | None = None
    surplus_reason: Surplus | None = None
    share_rule_version: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may be paid."""
        return self.status in OPEN

    def usable_prepay_id(self, *, at: datetime) -> str | None:
        """The prepay_id that a client may still use, if there is one."""
        if self.prepaid_at is None or at - self.prepaid_at >= PREPAY_IS_GOOD_FOR:
            return None
        return self.prepay_id

    def may_appear(self, *, at: datetime) -> bool:
        """Whether the provider may come to know it although a query found nothing."""
        return self.may_appear_until is not None and at < self.may_appear_until

    def next_query_at(self, *, at: datetime) -> datetime:
        """When to look next: by the ladder after the prepay, and never more than four minutes on (P3, M8)."""
        start = self.prepaid_at or self.initiated_at
        rungs = (start + after for after in QUERY_AFTER if start + after > at)
        return min([*rungs, at + QUERY_AT_LEAST_EVERY])


def out_trade_no(order_number: str, number: int) -> str:
    """The provider's number of an order's attempt: the order number itself, then with -2, -3 … (K9)."""
    return order_number if number == 1 else f"{order_number}-{number}"


def differences(
    said: Transaction, payment: Payment, attempt: Attempt, account: PaySettings
) -> dict[str, object]:
    """What a statement that an attempt was paid says differently from what was ordered, or said before (wechat.md 5.8, P4).

    REFUND is what the provider says of a paid attempt once money of it went back.
    """
    is_refunded = attempt.status is AttemptStatus.SUCCEEDED and said.trade_state is TradeState.REFUND
    is_anybodys = attempt.surplus_reason is Surplus.DISPUTED
    wanted: dict[str, object] = {
        "mchid": account.mchid,
        "appid": account.appid,
        "out_trade_no": attempt.out_trade_no,
        "trade_state": TradeState.REFUND if is_refunded else TradeState.SUCCESS,
        "total_fen": payment.amount_fen if attempt.paid_fen is None else attempt.paid_fen,
        "currency": "CNY",
        "openid": said.openid if is_anybodys else payment.payer_openid,
        "transaction_id": attempt.transaction_id or said.transaction_id or "one",
    }
    found = {name: getattr(said, name) for name in wanted}
    return {name: found[name] for name in wanted if found[name] != wanted[name]}
