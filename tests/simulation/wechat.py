"""WeChat Pay with books of its own: pays late, tells notices late, twice, out of order or not at all, and errs."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from shared.wechat.encryption import gcm_encrypt
from shared.wechat.pay import PaySettings
from shared.wechat.signatures import SCHEME, response_message, sign
from tests.simulation.processes import Process
from tests.simulation.world import World

NOTICE_PAUSES = (0.0, 15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, 1800.0)
SLOW_BANK = 0.5
"""How often the bank takes so long that the order may be closed meanwhile."""
REFUND_SETTLES_AFTER = (1.0, 30.0, 400.0)


@dataclass(slots=True)
class Trade:
    """An order as WeChat Pay knows it."""

    out_trade_no: str
    total_fen: int
    openid: str
    notify_url: str
    expires_at: datetime
    prepay_ids: list[str] = field(default_factory=list)
    is_closed: bool = False
    transaction_id: str | None = None
    paid_at: datetime | None = None


@dataclass(slots=True)
class Refund:
    """A refund as WeChat Pay knows it."""

    out_refund_no: str
    refund_id: str
    trade: Trade
    refund_fen: int
    request: dict[str, Any]
    settled_at: datetime | None = None


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class WeChatPay:
    """The platform: its books, its API (an httpx transport), its cashier, its notices."""

    def __init__(self, account: PaySettings, key: RSAPrivateKey) -> None:
        self._account = account
        self._key = key
        self._key_id = next(iter(account.public_keys))
        self.world: World
        self.outside: Process
        self.post_notice: Callable[[str, dict[str, str], bytes], Any]
        self.trades: dict[str, Trade] = {}
        self.refunds: dict[str, Refund] = {}

    def begin(self, world: World, outside: Process) -> None:
        """Empty books for a new seed."""
        self.world, self.outside = world, outside
        self.trades, self.refunds = {}, {}

    # The API

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """One call of the shop's."""
        world, words = self.world, f"WeChat Pay {request.method} {request.url.path}"
        await world.gate(f"calls {words}")
        if world.happens(world.faults.lose_call):
            world.note(f"{words} never arrives")
            if world.dice.random() < 0.5:
                raise httpx.ConnectError("refused")
            await asyncio.sleep(60)
        if world.happens(world.faults.refuse):
            return httpx.Response(world.dice.choice((500, 502, 429)), content=b'{"code":"SYSTEM_ERROR"}')
        answered = self._serve(request, words)
        if world.happens(world.faults.double):
            self.outside.spawn(self._again(request, words))
        if world.happens(world.faults.lose_answer):
            world.note(f"{words}: the answer is lost")
            if world.dice.random() < 0.5:
                raise httpx.ReadError("reset")
            await asyncio.sleep(60)
        await world.gate(f"is answered {words}")
        return answered

    async def _again(self, request: httpx.Request, words: str) -> None:
        await self.world.gate("a doubled call wanders")
        self._serve(request, words)

    def _serve(self, request: httpx.Request, words: str) -> httpx.Response:
        try:
            said = self._route(request.method, request.url.path, orjson.loads(request.content or b"null"))
        except Refused as refused:
            self.world.note(f"{words}: {refused.code}")
            return httpx.Response(refused.status, json={"code": refused.code, "message": refused.code})
        self.world.note(f"{words}: taken")
        body = b"" if said is None else orjson.dumps(said)
        return httpx.Response(204 if said is None else 200, content=body, headers=self._seal(body))

    def _route(self, method: str, path: str, body: Any) -> dict[str, Any] | None:
        if (method, path) == ("POST", "/v3/pay/transactions/jsapi"):
            return self._prepay(body)
        if (method, path) == ("POST", "/v3/refund/domestic/refunds"):
            return self._refund(body)
        if found := re.fullmatch(r"/v3/pay/transactions/out-trade-no/([^/]+)(/close)?", path):
            trade = self.trades.get(found[1])
            if trade is None:
                raise Refused(404, "ORDER_NOT_EXIST")
            if not found[2]:
                return self._shown(trade)
            self._close(trade)
            return None
        if found := re.fullmatch(r"/v3/refund/domestic/refunds/([^/]+)", path):
            if (refund := self.refunds.get(found[1])) is None:
                raise Refused(404, "RESOURCE_NOT_EXISTS")
            return self._shown_refund(refund)
        raise Refused(404, "NOT_FOUND")

    def _prepay(self, body: dict[str, Any]) -> dict[str, Any]:
        now, number = self.world.clock.now(), body["out_trade_no"]
        trade = self.trades.get(number)
        if trade is None:
            trade = self.trades[number] = Trade(
                out_trade_no=number,
                total_fen=body["amount"]["total"],
                openid=body["payer"]["openid"],
                notify_url=body["notify_url"],
                expires_at=max(datetime.fromisoformat(body["time_expire"]), now + timedelta(minutes=1)),
            )
        if trade.paid_at is not None:
            raise Refused(400, "ORDERPAID")
        if trade.is_closed or now >= trade.expires_at:
            raise Refused(400, "ORDER_CLOSED")
        if (trade.total_fen, trade.openid) != (body["amount"]["total"], body["payer"]["openid"]):
            raise Refused(403, "OUT_TRADE_NO_USED")
        trade.prepay_ids.append(f"wx{len(self.trades):04d}{len(trade.prepay_ids):04d}")
        return {"prepay_id": trade.prepay_ids[-1]}

    def _close(self, trade: Trade) -> None:
        if trade.paid_at is not None:
            raise Refused(400, "ORDERPAID")
        trade.is_closed = True

    def _refund(self, body: dict[str, Any]) -> dict[str, Any]:
        number, refund_fen = body["out_refund_no"], body["amount"]["refund"]
        if (before := self.refunds.get(number)) is not None:
            if before.request != body:
                raise Refused(400, "INVALID_REQUEST")
            return self._shown_refund(before)
        trade = self.trades.get(body["out_trade_no"])
        if trade is None or trade.paid_at is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS")
        if self.refunded_fen(trade) + refund_fen > trade.total_fen:
            raise Refused(403, "INVALID_REQUEST")
        if self.world.happens(self.world.faults.refuse):
            raise Refused(403, "NOT_ENOUGH")
        refund = Refund(number, f"503{len(self.refunds):09d}", trade, refund_fen, body)
        self.refunds[number] = refund
        self.outside.spawn(self._settle(refund, body["notify_url"]))
        return self._shown_refund(refund)

    def refunded_fen(self, trade: Trade) -> int:
        """How much of a payment goes back, or went."""
        return sum(refund.refund_fen for refund in self.refunds.values() if refund.trade is trade)

    # The cashier

    async def pay(self, prepay_id: str) -> bool:
        """The shopper pays; False when it cannot be paid. Now and then the bank is slower than a close."""
        world = self.world
        await world.gate("pays in WeChat")
        trade = next(each for each in self.trades.values() if prepay_id in each.prepay_ids)
        if trade.paid_at is not None or trade.is_closed or world.clock.now() >= trade.expires_at:
            return False
        if world.dice.random() < SLOW_BANK:
            await asyncio.sleep(world.dice.uniform(0.1, 30.0))
        if trade.paid_at is not None:
            return False
        trade.paid_at = world.clock.now()
        trade.transaction_id = f"42000{len(self.trades):06d}{trade.out_trade_no}"[:32]
        world.note(f"WeChat Pay has {trade.total_fen} fen for {trade.out_trade_no}")
        for _ in range(1 + world.happens(world.faults.double)):
            self.outside.spawn(
                self._tell(
                    trade.notify_url, "TRANSACTION.SUCCESS", trade.out_trade_no, lambda: self._shown(trade)
                )
            )
        return True

    async def _settle(self, refund: Refund, notify_url: str) -> None:
        await asyncio.sleep(self.world.dice.choice(REFUND_SETTLES_AFTER))
        refund.settled_at = self.world.clock.now()
        self.world.note(f"WeChat Pay gave {refund.refund_fen} fen back under {refund.out_refund_no}")

        def told() -> dict[str, Any]:
            said = self._shown_refund(refund)
            return {**said, "mchid": self._account.mchid, "refund_status": said.pop("status")}

        await self._tell(notify_url, "REFUND.SUCCESS", refund.out_refund_no, told)

    # Notices

    async def _tell(
        self, url: str, event_type: str, about: str, resource: Callable[[], dict[str, Any]]
    ) -> None:
        """Tell it until it is taken, 8 times at most; some notices get lost altogether."""
        if self.world.happens(self.world.faults.lose_answer):
            self.world.note(f"the notices of {about} are lost")
            return
        for number, pause in enumerate(NOTICE_PAUSES):
            await asyncio.sleep(pause)
            await self.world.gate(f"notice {number} of {about}")
            body = self._notice(event_type, about, resource())
            path = httpx.URL(url).path
            if await self.post_notice(path, self._seal(body), body) in (200, 204):
                return

    def _notice(self, event_type: str, about: str, resource: dict[str, Any]) -> bytes:
        nonce = "0123456789ab"
        sealed = gcm_encrypt(self._account.apiv3_key, nonce, "about", orjson.dumps(resource))
        return orjson.dumps(
            {
                "id": f"EV-{event_type}-{about}",
                "create_time": self.world.clock.now(),
                "event_type": event_type,
                "resource_type": "encrypt-resource",
                "resource": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": sealed,
                    "associated_data": "about",
                    "nonce": nonce,
                    "original_type": "transaction",
                },
            }
        )

    def _seal(self, body: bytes) -> dict[str, str]:
        timestamp, nonce = str(int(self.world.clock.now().timestamp())), "nonce"
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self._key_id,
            "Wechatpay-Signature-Type": SCHEME,
            "Wechatpay-Signature": sign(self._key, response_message(timestamp, nonce, body)),
        }

    def _shown(self, trade: Trade) -> dict[str, Any]:
        said: dict[str, Any] = {
            "appid": self._account.appid,
            "mchid": self._account.mchid,
            "out_trade_no": trade.out_trade_no,
            "amount": {"total": trade.total_fen, "currency": "CNY"},
            "payer": {},
        }
        if trade.paid_at is None:
            return said | {"trade_state": "CLOSED" if trade.is_closed else "NOTPAY"}
        is_refunded = any(refund.trade is trade for refund in self.refunds.values())
        return said | {
            "trade_state": "REFUND" if is_refunded else "SUCCESS",
            "transaction_id": trade.transaction_id,
            "payer": {"openid": trade.openid},
            "success_time": trade.paid_at.isoformat(timespec="seconds"),
        }

    def _shown_refund(self, refund: Refund) -> dict[str, Any]:
        said: dict[str, Any] = {
            "refund_id": refund.refund_id,
            "out_refund_no": refund.out_refund_no,
            "transaction_id": refund.trade.transaction_id,
            "out_trade_no": refund.trade.out_trade_no,
            "status": "PROCESSING" if refund.settled_at is None else "SUCCESS",
            "amount": {"total": refund.trade.total_fen, "refund": refund.refund_fen},
        }
        if refund.settled_at is not None:
            said["success_time"] = refund.settled_at.isoformat(timespec="seconds")
        return said
