"""Profit sharing of a direct merchant: receivers, shares, their return, and what stays frozen (wechat.md 5.13)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from shared.wechat.encryption import oaep_encrypt
from shared.wechat.pay.errors import MalformedAnswer
from shared.wechat.pay.settings import PaySettings
from shared.wechat.pay.values import fen, instant, reading
from shared.wechat.pay.verified_calls import VerifiedCalls

ROOT = "/v3/profitsharing"
MOST_RECEIVERS = 50


class ReceiverType(StrEnum):
    """Whose account a share goes to: another merchant's, or a person's, who cannot give it back."""

    MERCHANT_ID = "MERCHANT_ID"
    PERSONAL_OPENID = "PERSONAL_OPENID"


class ShareState(StrEnum):
    """Where a share order stands; FINISHED does not mean success, each receiver has a result of its own."""

    PROCESSING = "PROCESSING"
    FINISHED = "FINISHED"


class ShareResult(StrEnum):
    """What became of one receiver's amount; CLOSED never arrived."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


class ReturnResult(StrEnum):
    """What became of taking a share back."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReceiver:
    """Somebody to be registered; `name` leaves sealed: a merchant's full name, of persons an optional check.

    `relation` is one of the platform's `relation_type`s; CUSTOM wants `custom_relation`, at most 10 characters.
    """

    type: ReceiverType
    account: str
    relation: str
    custom_relation: str | None = None
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One receiver's amount in fen; the description is shown to the receiver."""

    type: ReceiverType
    account: str
    amount_fen: int
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidShare:
    """One receiver's amount as the platform knows it."""

    type: str
    account: str
    amount_fen: int
    result: ShareResult
    fail_reason: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOrder:
    """A share, or an unfreezing, as the platform knows it; of the latter the one receiver is the merchant."""

    transaction_id: str
    out_order_no: str
    order_id: str
    state: ShareState
    receivers: tuple[SaidShare, ...]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "ShareOrder":
        """Read an answer; raises `MalformedAnswer`."""
        with reading("share order"):
            return cls(
                transaction_id=said["transaction_id"],
                out_order_no=said["out_order_no"],
                order_id=said["order_id"],
                state=ShareState(said["state"]),
                receivers=tuple(_share(each) for each in said.get("receivers") or ()),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareReturn:
    """A share's return as the platform knows it."""

    out_order_no: str
    out_return_no: str
    return_id: str
    return_mchid: str
    amount_fen: int
    result: ReturnResult
    fail_reason: str | None
    finished_at: datetime | None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "ShareReturn":
        """Read an answer; raises `MalformedAnswer`."""
        with reading("share return"):
            return cls(
                out_order_no=said["out_order_no"],
                out_return_no=said["out_return_no"],
                return_id=said["return_id"],
                return_mchid=said["return_mchid"],
                amount_fen=fen(said["amount"]),
                result=ReturnResult(said["result"]),
                fail_reason=said.get("fail_reason"),
                finished_at=instant(said.get("finish_time")),
            )


class ProfitSharing:
    """One merchant's profit sharing; raises what `WeChatPay` raises, and is as repeatable by its numbers."""

    def __init__(self, settings: PaySettings, calls: VerifiedCalls) -> None:
        self._settings = settings
        self._calls = calls

    async def add_receiver(self, receiver: NewReceiver) -> None:
        """Register a receiver, which must be done before anything is shared with it; repeatable."""
        wish = {
            "appid": self._settings.appid,
            "type": receiver.type,
            "account": receiver.account,
            "relation_type": receiver.relation,
        }
        if receiver.custom_relation is not None:
            wish["custom_relation"] = receiver.custom_relation
        serial = None
        if receiver.name is not None:
            serial, key = await self._calls.sealing_key()
            wish["name"] = oaep_encrypt(key, receiver.name)
        await self._calls.call("POST", f"{ROOT}/receivers/add", wish, sealed_for=serial)

    async def delete_receiver(self, type_: ReceiverType, account: str) -> None:
        """End the relation with a receiver; repeatable."""
        wish = {"appid": self._settings.appid, "type": type_, "account": account}
        await self._calls.call("POST", f"{ROOT}/receivers/delete", wish)

    async def share(self, out_order_no: str, *, transaction_id: str, shares: Iterable[Share]) -> ShareOrder:
        """Pay receivers out of a payment's frozen money; the rest stays frozen.

        Asynchronous: query until FINISHED. Codes NOT_ENOUGH: so much is not frozen; RULE_LIMIT: more than the ratio.
        """
        wish = {
            "appid": self._settings.appid,
            "transaction_id": transaction_id,
            "out_order_no": out_order_no,
            "receivers": [
                {
                    "type": each.type,
                    "account": each.account,
                    "amount": each.amount_fen,
                    "description": each.description,
                }
                for each in shares
            ],
            "unfreeze_unsplit": False,
        }
        return _this_order(await self._calls.call("POST", f"{ROOT}/orders", wish), out_order_no)

    async def share_by_number(self, out_order_no: str, *, transaction_id: str) -> ShareOrder | None:
        """The share or unfreezing, or None when the platform has not accepted it (yet)."""
        path = f"{ROOT}/orders/{_segment(out_order_no)}?transaction_id={_segment(transaction_id)}"
        said = await self._calls.query(path)
        return None if said is None else _this_order(said, out_order_no)

    async def unfreeze(self, out_order_no: str, *, transaction_id: str, description: str) -> ShareOrder:
        """Give the merchant whatever of a payment is still frozen; nothing can be shared of it afterwards."""
        wish = {"transaction_id": transaction_id, "out_order_no": out_order_no, "description": description}
        return _this_order(await self._calls.call("POST", f"{ROOT}/orders/unfreeze", wish), out_order_no)

    async def take_back(
        self, out_return_no: str, *, out_order_no: str, mchid: str, amount_fen: int, description: str
    ) -> ShareReturn:
        """Take a share back from a merchant, within 180 days; persons give nothing back. FAILED wants a new number."""
        wish = {
            "out_order_no": out_order_no,
            "out_return_no": out_return_no,
            "return_mchid": mchid,
            "amount": amount_fen,
            "description": description,
        }
        return _this_return(await self._calls.call("POST", f"{ROOT}/return-orders", wish), out_return_no)

    async def return_by_number(self, out_return_no: str, *, out_order_no: str) -> ShareReturn | None:
        """The return, or None when the platform has not accepted it (yet)."""
        path = f"{ROOT}/return-orders/{_segment(out_return_no)}?out_order_no={_segment(out_order_no)}"
        said = await self._calls.query(path)
        return None if said is None else _this_return(said, out_return_no)

    async def unsplit_fen(self, transaction_id: str) -> int:
        """How much of a payment is still frozen, in fen."""
        said = await self._calls.call("GET", f"{ROOT}/transactions/{_segment(transaction_id)}/amounts")
        with reading("unsplit amount"):
            return fen(said["unsplit_amount"])


def _share(said: Mapping[str, Any]) -> SaidShare:
    return SaidShare(
        type=said["type"],
        account=said["account"],
        amount_fen=fen(said["amount"]),
        result=ShareResult(said["result"]),
        fail_reason=said.get("fail_reason"),
        finished_at=instant(said.get("finish_time")),
    )


def _this_order(said: Mapping[str, Any], out_order_no: str) -> ShareOrder:
    order = ShareOrder.of(said)
    if order.out_order_no != out_order_no:
        raise MalformedAnswer("an answer about another out_order_no")
    return order


def _this_return(said: Mapping[str, Any], out_return_no: str) -> ShareReturn:
    taken = ShareReturn.of(said)
    if taken.out_return_no != out_return_no:
        raise MalformedAnswer("an answer about another out_return_no")
    return taken


def _segment(number: str) -> str:
    return quote(number, safe="")
