"""How profit sharing looks to operators."""

from datetime import datetime
from typing import Self
from uuid import UUID

from services.payment.profit_sharing.domain import ShareRule
from shared.http.bodies import View


class ReceiverView(View):
    """Somebody who may get a share; only an ``active`` one does."""

    receiver_id: UUID
    kind: str
    account: str
    relation: str
    custom_relation: str | None
    status: str
    added_at: datetime
    last_error: str | None


class RulePartView(View):
    """One receiver's part, in basis points of what an order brings."""

    receiver_id: UUID
    share_bp: int


class RuleView(View):
    """The rule in force, version 0 before the first was set; ``max_bp`` and ``fee_bp`` are the contract's."""

    version: int
    share_after_seconds: int
    max_bp: int
    fee_bp: int
    unfreeze_after_seconds: int
    receivers: list[RulePartView]

    @classmethod
    def of(cls, rule: ShareRule) -> Self:
        return cls(
            version=rule.version,
            share_after_seconds=rule.share_after_seconds,
            max_bp=rule.max_bp,
            fee_bp=rule.fee_bp,
            unfreeze_after_seconds=rule.unfreeze_after_seconds,
            receivers=[RulePartView.model_validate(part) for part in rule.parts],
        )


class SharingSummary(View):
    """The sharing of an order's payment; ``share_back_fen`` goes back for refunds, or is borne by the shop."""

    payment_id: UUID
    order_id: UUID
    transaction_id: str
    rule_version: int
    status: str
    paid_at: datetime
    unfreeze_due_at: datetime
    paid_fen: int
    refunded_fen: int
    fee_fen: int
    shared_fen: int
    share_back_fen: int


class ShareOrderView(View):
    """One number under which WeChat Pay was asked to share, or to unfreeze the rest."""

    out_order_no: str
    number: int
    kind: str
    status: str
    calls: int
    wechat_order_id: str | None
    requested_at: datetime
    called_at: datetime | None
    finished_at: datetime | None
    last_error: str | None


class SharePartView(View):
    """What one receiver got, and how much of it went back."""

    out_order_no: str
    receiver_id: UUID
    amount_fen: int
    back_fen: int
    result: str
    fail_reason: str | None
    finished_at: datetime | None


class ShareReturnView(View):
    """What a receiver gives back before a refund."""

    out_return_no: str
    refund_id: UUID
    out_order_no: str
    receiver_id: UUID
    amount_fen: int
    status: str
    tries: int
    requested_at: datetime
    finished_at: datetime | None
    failure: str | None


class SharingDetail(SharingSummary):
    """A sharing with everything that happened to it."""

    orders: list[ShareOrderView]
    parts: list[SharePartView]
    returns: list[ShareReturnView]
