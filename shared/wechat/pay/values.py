"""What WeChat Pay says, as values. Money is fen, instants are aware UTC; field names are the platform's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.wechat.pay.errors import MalformedAnswer


class TradeState(StrEnum):
    """Where an order stands (wechat.md 5.8); REFUND means at least one refund, also a partial one."""

    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    NOTPAY = "NOTPAY"
    CLOSED = "CLOSED"
    REVOKED = "REVOKED"
    USERPAYING = "USERPAYING"
    PAYERROR = "PAYERROR"
    ACCEPT = "ACCEPT"


class RefundStatus(StrEnum):
    """Where a refund stands (wechat.md 5.10); PROCESSING only means accepted."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    ABNORMAL = "ABNORMAL"


@dataclass(frozen=True, slots=True)
class RequestPayment:
    """The parameters of `wx.requestPayment`, named as the mini-program wants them (wechat.md 5.7)."""

    timeStamp: str
    nonceStr: str
    package: str
    signType: str
    paySign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An order as the platform knows it, from a query or a notice (wechat.md 5.8).

    A payment counts only after the acceptance test there: own mchid and appid, SUCCESS, `total_fen` and
    currency as ordered (`payer_total_fen` is lower when the payer used a platform coupon).
    """

    appid: str
    mchid: str
    out_trade_no: str
    transaction_id: str | None
    trade_state: TradeState
    total_fen: int
    payer_total_fen: int | None
    currency: str
    openid: str | None
    attach: str | None
    bank_type: str | None
    success_time: datetime | None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Transaction":
        """Read a query's answer or a TRANSACTION notice's resource; raises `MalformedAnswer`."""
        with reading("transaction"):
            amount = said["amount"]
            return cls(
                appid=said["appid"],
                mchid=said["mchid"],
                out_trade_no=said["out_trade_no"],
                transaction_id=said.get("transaction_id"),
                trade_state=TradeState(said["trade_state"]),
                total_fen=fen(amount["total"]),
                payer_total_fen=_optional_fen(amount.get("payer_total")),
                currency=amount.get("currency", "CNY"),
                openid=(said.get("payer") or {}).get("openid"),
                attach=said.get("attach"),
                bank_type=said.get("bank_type"),
                success_time=instant(said.get("success_time")),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund as the platform knows it, from its own call, a query or a notice (wechat.md 5.10).

    Show people `payer_refund_fen`, account `refund_fen`: the difference is a platform coupon's share.
    """

    refund_id: str
    out_refund_no: str
    transaction_id: str
    out_trade_no: str
    status: RefundStatus
    total_fen: int
    refund_fen: int
    payer_total_fen: int | None
    payer_refund_fen: int | None
    user_received_account: str | None
    success_time: datetime | None
    create_time: datetime | None = None
    """When it was accepted, which is the day of its bill; notices do not tell."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Refund":
        """Read an answer (`status`) or a REFUND notice's resource (`refund_status`).

        Raises `MalformedAnswer`.
        """
        with reading("refund"):
            amount = said["amount"]
            return cls(
                refund_id=said["refund_id"],
                out_refund_no=said["out_refund_no"],
                transaction_id=said["transaction_id"],
                out_trade_no=said["out_trade_no"],
                status=RefundStatus(said["status"] if "status" in said else said["refund_status"]),
                total_fen=fen(amount["total"]),
                refund_fen=fen(amount["refund"]),
                payer_total_fen=_optional_fen(amount.get("payer_total")),
                payer_refund_fen=_optional_fen(amount.get("payer_refund")),
                user_received_account=said.get("user_received_account"),
                success_time=instant(said.get("success_time")),
                create_time=instant(said.get("create_time")),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BankCard:
    """Where the money of an abnormal refund goes (wechat.md 5.10); stays out of `repr`, is sent sealed.

    `bank_type` is the platform's code of the bank, such as `CMB_DEBIT`.
    """

    bank_type: str
    bank_account: str = field(repr=False)
    real_name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified and decrypted notice (wechat.md 5.9). Only a hint: it may be late, doubled or out of order.

    `resource` is what `Transaction.of` or `Refund.of` reads, by `event_type`.
    """

    id: str
    event_type: str
    original_type: str
    resource: Mapping[str, Any]


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise `MalformedAnswer` for whatever is missing or wrong in what the platform said."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswer(f"{what}: {error!r}") from error


def fen(amount: Any) -> int:
    """An amount as the platform writes it; raises `ValueError`."""
    if type(amount) is not int or amount < 0:
        raise ValueError(f"not an amount in fen: {amount!r}")
    return amount


def _optional_fen(amount: Any) -> int | None:
    return None if amount is None else fen(amount)


def instant(text: str | None) -> datetime | None:
    """A time as the platform writes it, in UTC; raises `ValueError`."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"an instant without its offset: {text}")
    return moment.astimezone(UTC)
