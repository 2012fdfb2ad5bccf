"""WeChat Pay v3 for a direct merchant's mini-program (wechat.md 5)."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from shared.wechat.encryption import oaep_encrypt
from shared.wechat.pay import bills
from shared.wechat.pay.bills import BillKind, BillLink, CheckedBill
from shared.wechat.pay.calls import Signer
from shared.wechat.pay.errors import (
    MalformedAnswer,
    NoticeRefused,
    Unverified,
    WeChatPayRefused,
)
from shared.wechat.pay.notices import open_notice
from shared.wechat.pay.profit_sharing import ProfitSharing
from shared.wechat.pay.settings import PaySettings
from shared.wechat.pay.values import BankCard, Notice, Refund, RequestPayment, Transaction
from shared.wechat.pay.verified_calls import VerifiedCalls
from shared.wechat.signatures import pay_message

_CHINA = timezone(timedelta(hours=8))
_BILL_PATHS = {
    BillKind.TRADE: "/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP",
    BillKind.FUND: "/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP",
}
Answered = TypeVar("Answered", Transaction, Refund)


class WeChatPay:
    """One merchant's WeChat Pay; the numbers it is given make every call repeatable.

    Besides what a method names it raises `WeChatPayRefused` (for good; see `code`) or `OutcomeUnknown`
    (query, or repeat with the same number). It never retries, except on the second host.
    """

    def __init__(
        self, settings: PaySettings, http: httpx.AsyncClient, *, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._signer = Signer(settings)
        self._calls = VerifiedCalls(settings, self._signer, http, clock=clock)
        self.profit_sharing = ProfitSharing(settings, self._calls)

    async def prepay(
        self,
        out_trade_no: str,
        *,
        description: str,
        total_fen: int,
        openid: str,
        notify_url: str,
        time_expire: datetime,
        attach: str | None = None,
        payer_client_ip: str | None = None,
        shares_profit: bool = False,
    ) -> str:
        """Place a JSAPI order and return its `prepay_id`, good for two hours (wechat.md 5.6).

        A repeat must have the same parameters. The description is cut to 127 bytes. `shares_profit` freezes the
        money for profit sharing (5.13). Raises `OrderAlreadyPaid`; the codes ORDER_CLOSED and OUT_TRADE_NO_USED
        ask for a new number.
        """
        order: dict[str, Any] = {
            "appid": self._settings.appid,
            "mchid": self._settings.mchid,
            "description": _cut(description, 127),
            "out_trade_no": out_trade_no,
            "time_expire": time_expire.astimezone(_CHINA).isoformat(timespec="seconds"),
            "notify_url": notify_url,
            "amount": {"total": total_fen, "currency": "CNY"},
            "payer": {"openid": openid},
        }
        if attach is not None:
            order["attach"] = attach
        if payer_client_ip is not None:
            order["scene_info"] = {"payer_client_ip": payer_client_ip}
        if shares_profit:
            order["settle_info"] = {"profit_sharing": True}
        prepay_id = (await self._calls.call("POST", "/v3/pay/transactions/jsapi", order)).get("prepay_id")
        if not isinstance(prepay_id, str) or not prepay_id:
            raise MalformedAnswer("an order without prepay_id")
        return prepay_id

    async def request_payment(self, prepay_id: str) -> RequestPayment:
        """Sign what the mini-program hands to `wx.requestPayment` (wechat.md 5.7)."""
        timestamp, nonce = str(int(self._clock().timestamp())), secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        signature = await self._signer.sign(pay_message(self._settings.appid, timestamp, nonce, package))
        return RequestPayment(timestamp, nonce, package, "RSA", signature)

    async def transaction(self, out_trade_no: str) -> Transaction | None:
        """The order, or None when the platform does not know it (yet) (wechat.md 5.8)."""
        path = f"/v3/pay/transactions/out-trade-no/{_segment(out_trade_no)}?mchid={self._settings.mchid}"
        said = await self._calls.query(path)
        return None if said is None else _about(Transaction.of(said), out_trade_no=out_trade_no)

    async def close(self, out_trade_no: str) -> None:
        """Make a payment impossible (wechat.md 5.8); repeatable. Raises `OrderAlreadyPaid`."""
        path = f"/v3/pay/transactions/out-trade-no/{_segment(out_trade_no)}/close"
        await self._calls.call("POST", path, {"mchid": self._settings.mchid})

    async def refund(
        self,
        out_refund_no: str,
        *,
        out_trade_no: str,
        refund_fen: int,
        total_fen: int,
        notify_url: str,
        reason: str,
    ) -> Refund:
        """Give back a part or all of an order's `total_fen` (wechat.md 5.10).

        The answer normally says PROCESSING. The reason is cut to 80 bytes. Code NOT_ENOUGH: try again
        with the same number once the merchant's balance has been filled.
        """
        application = {
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "reason": _cut(reason, 80),
            "notify_url": notify_url,
            "amount": {"refund": refund_fen, "total": total_fen, "currency": "CNY"},
        }
        said = await self._calls.call("POST", "/v3/refund/domestic/refunds", application)
        return _about(Refund.of(said), out_refund_no=out_refund_no)

    async def refund_by_number(self, out_refund_no: str) -> Refund | None:
        """The refund, or None when the platform has not accepted it (yet) (wechat.md 5.10)."""
        said = await self._calls.query(f"/v3/refund/domestic/refunds/{_segment(out_refund_no)}")
        return None if said is None else _about(Refund.of(said), out_refund_no=out_refund_no)

    async def apply_abnormal_refund(
        self, refund_id: str, *, out_refund_no: str, card: BankCard | None
    ) -> Refund:
        """Send an ABNORMAL refund's money to the payer's bank card, or without one to the merchant's bank (wechat.md 5.10).

        `refund_id` is the platform's own number. Repeatable while it is being paid out. The card leaves sealed.
        """
        path = f"/v3/refund/domestic/refunds/{_segment(refund_id)}/apply-abnormal-refund"
        wish = {"out_refund_no": out_refund_no, "type": "MERCHANT_BANK_CARD"}
        serial = None
        if card is not None:
            serial, key = await self._calls.sealing_key()
            wish |= {
                "type": "USER_BANK_CARD",
                "bank_type": card.bank_type,
                "bank_account": oaep_encrypt(key, card.bank_account),
                "real_name": oaep_encrypt(key, card.real_name),
            }
        said = await self._calls.call("POST", path, wish, sealed_for=serial)
        return _about(Refund.of(said), out_refund_no=out_refund_no)

    async def bill_link(self, kind: BillKind, day: date) -> BillLink | None:
        """Where a China day's bill lies, None when nothing happened that day (wechat.md 5.11).

        There from 10:00 of the next day for three months; raises `BillNotReady` before.
        """
        try:
            said = await self._calls.call("GET", _BILL_PATHS[kind].format(day=day.isoformat()))
        except WeChatPayRefused as refusal:
            if refusal.code == "NO_STATEMENT_EXIST":
                return None
            raise
        url, sha1 = said.get("download_url"), said.get("hash_value")
        if not isinstance(url, str) or not isinstance(sha1, str) or said.get("hash_type") != "SHA1":
            raise MalformedAnswer("bill: no download URL with a SHA-1")
        return BillLink(url, sha1.lower())

    async def download_bill(self, link: BillLink, path: Path) -> CheckedBill:
        """Write a bill's file to `path` and prove it; raises `BillDiffers` when it is not the announced one.

        An expired link is refused: ask for another.
        """
        await self._calls.download(link.url, path, limit_bytes=bills.FILE_LIMIT_BYTES)
        return await asyncio.to_thread(bills.check_bill, path, sha1=link.sha1)

    async def open_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify and decrypt what was posted to a notify URL (wechat.md 5.9); raises `NoticeRefused`."""
        try:
            await self._calls.verifier.check(headers, body)
        except Unverified as error:
            raise NoticeRefused(error.reason) from error
        return open_notice(self._settings.apiv3_key, body)

    async def refresh_certificates(self) -> None:
        """Download the platform's certificates, at start and at least every 12 hours (wechat.md 5.4).

        Does nothing for a merchant that only uses public keys. Between these times an unknown serial
        brings the list too, at most once a minute, so that the first use needs no preparation.
        """
        await self._calls.refresh_certificates()


def _segment(number: str) -> str:
    return quote(number, safe="")


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode()[:limit_bytes].decode(errors="ignore")


def _about(answered: Answered, **numbers: str) -> Answered:
    """The answer, if it is about what was asked: its signature alone does not say so."""
    for name, number in numbers.items():
        if getattr(answered, name) != number:
            raise MalformedAnswer(f"an answer about another {name}")
    return answered
