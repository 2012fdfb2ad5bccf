"""Receivers, rules, and the share of a payment with its orders, parts, returns and states (wechat.md 5.13)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.money import WHOLE_BP
from shared.wechat.pay import ReceiverType

SHARE_PROFIT = "payment.share-profit"
"""The timer that shares a completed order's payment, one per payment."""

UNFREEZE_PROFIT = "payment.unfreeze-profit"
"""The timer that unfreezes whatever nobody shared before WeChat Pay does, one per payment."""

ADVANCE_SHARE = "payment.advance-share"
"""The timer that calls or queries the provider, one per share order."""

ADVANCE_RETURN = "payment.advance-share-return"
"""The timer that calls or queries the provider, one per return."""

REMOVE_RECEIVER = "payment.remove-share-receiver"
"""The timer that ends the relation with a receiver at the provider."""

MOST_ORDERS = 50
"""The platform takes so many share orders of a payment, the unfreezing among them."""

MOST_RECEIVERS = 50
"""The platform takes so many receivers of a share order."""

SHAREABLE_AFTER = timedelta(seconds=65)
"""Nothing can be shared of a payment in its first minute."""

BELIEVED_AFTER = 2
"""Refusals are not signed: one counts when the call was made again after a query that found nothing (wechat.md 5.3)."""

WAIT_FOR_RESULT = timedelta(seconds=15)
"""How long what must follow a share waits before it looks again; the share's end wakes it earlier."""


class ReceiverKind(StrEnum):
    """Another merchant, or a person, of whom nothing can be taken back."""

    MERCHANT = "merchant"
    PERSONAL = "personal"

    @property
    def type(self) -> ReceiverType:
        """The platform's word for it."""
        return ReceiverType.MERCHANT_ID if self is ReceiverKind.MERCHANT else ReceiverType.PERSONAL_OPENID


class ReceiverStatus(StrEnum):
    """Only an ACTIVE receiver is registered at the platform for certain."""

    ADDING = "adding"
    ACTIVE = "active"
    REMOVING = "removing"
    REMOVED = "removed"


class SharingStatus(StrEnum):
    """Where sharing a payment stands; until UNFROZEN the platform holds money back."""

    NONE = "none"
    REQUESTED = "requested"
    PROCESSING = "processing"
    REFUSED = "refused"
    FINISHED = "finished"
    UNFREEZING = "unfreezing"
    UNFROZEN = "unfrozen"


NEXT: dict[SharingStatus, frozenset[SharingStatus]] = {
    SharingStatus.NONE: frozenset({SharingStatus.REQUESTED, SharingStatus.UNFREEZING}),
    SharingStatus.REQUESTED: frozenset(
        {SharingStatus.PROCESSING, SharingStatus.FINISHED, SharingStatus.REFUSED}
    ),
    SharingStatus.PROCESSING: frozenset({SharingStatus.FINISHED}),
    SharingStatus.REFUSED: frozenset({SharingStatus.REQUESTED, SharingStatus.UNFREEZING}),
    SharingStatus.FINISHED: frozenset({SharingStatus.REQUESTED, SharingStatus.UNFREEZING}),
    SharingStatus.UNFREEZING: frozenset({SharingStatus.UNFROZEN}),
    SharingStatus.UNFROZEN: frozenset(),
}
"""What may follow what; FINISHED is shared again only with receivers that got nothing."""


class OrderKind(StrEnum):
    """What a share order does: pay receivers, or give the rest to the merchant."""

    SHARE = "share"
    UNFREEZE = "unfreeze"


class OrderStatus(StrEnum):
    """Where a share order stands: REQUESTED before the provider accepted it; REFUSED waits for an operator."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    REFUSED = "refused"
    FINISHED = "finished"


LIVE = (OrderStatus.REQUESTED, OrderStatus.PROCESSING)


class PartResult(StrEnum):
    """What became of a receiver's part; CLOSED never arrived."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"


class ReturnStatus(StrEnum):
    """Where a return stands: FAILED waits for an operator, BORNE is paid by the shop, VOID was never shared."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    RETURNED = "returned"
    FAILED = "failed"
    BORNE = "borne"
    VOID = "void"


UNFINISHED = (ReturnStatus.REQUESTED, ReturnStatus.PROCESSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody who may get a share; names are not kept."""

    receiver_id: UUID
    kind: ReceiverKind
    account: str
    relation: str
    custom_relation: str | None
    status: ReceiverStatus
    added_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True)
class RulePart:
    """One receiver's part of what an order brings, in basis points."""

    receiver_id: UUID
    share_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRule:
    """Who gets how much of an order, and when; a version is never changed. ``max_bp`` and ``fee_bp`` are the contract's."""

    version: int
    max_bp: int
    fee_bp: int
    share_after_seconds: int
    unfreeze_after_seconds: int
    parts: tuple[RulePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingLimits:
    """What the contract with the platform allows: the most that may be shared, its fee, and when the rest is unfrozen."""

    max_bp: int
    fee_bp: int
    unfreeze_after_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The sharing of one payment, with the sums that guard it (all in fen)."""

    payment_id: UUID
    order_id: UUID
    out_trade_no: str
    transaction_id: str
    rule_version: int
    status: SharingStatus
    paid_at: datetime
    unfreeze_due_at: datetime
    paid_fen: int
    refunded_fen: int
    fee_fen: int
    share_max_bp: int
    shared_fen: int
    share_back_fen: int

    @property
    def base_fen(self) -> int:
        """What the order brought so far: paid, less what was or is to be refunded."""
        return self.paid_fen - self.refunded_fen

    @property
    def shareable_fen(self) -> int:
        """How much may be shared yet: within the ratio, and of what refunds and the fee leave (M9)."""
        fee_left_fen = self.fee_fen - self.fee_fen * self.refunded_fen // self.paid_fen
        within_ratio_fen = self.paid_fen * self.share_max_bp // WHOLE_BP - self.shared_fen
        left_fen = self.base_fen - fee_left_fen - (self.shared_fen - self.share_back_fen)
        return max(0, min(within_ratio_fen, left_fen))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOrder:
    """One number under which the provider is asked to share or to unfreeze; its parts are of ``base_fen``."""

    out_order_no: str
    payment_id: UUID
    number: int
    kind: OrderKind
    base_fen: int
    status: OrderStatus
    calls: int
    wechat_order_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePart:
    """What one receiver gets by a share order, and how much of it goes back for refunds."""

    out_order_no: str
    receiver_id: UUID
    kind: ReceiverKind
    account: str
    amount_fen: int
    back_fen: int
    result: PartResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareReturn:
    """Taking a part, or a part of it, back before a refund."""

    out_return_no: str
    payment_id: UUID
    refund_id: UUID
    out_order_no: str
    receiver_id: UUID
    account: str
    part_result: PartResult
    amount_fen: int
    status: ReturnStatus
    tries: int
    calls: int

    @property
    def called_as(self) -> str:
        """The number of the try at the provider, a new one after each FAILED (wechat.md 5.13)."""
        return self.out_return_no if self.tries == 1 else f"{self.out_return_no}-{self.tries}"


def share_number(out_trade_no: str, number: int, kind: OrderKind) -> str:
    """The provider's number of a payment's share order."""
    return f"{kind.upper()}-{out_trade_no}-{number}"


def return_number(out_trade_no: str, number: int) -> str:
    """The provider's number of the first try of a payment's return."""
    return f"RETURN-{out_trade_no}-{number}"
