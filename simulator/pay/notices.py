"""Notices to the shop: a durable queue, real encryption and signatures, and the exact retry ladder (wechat.md 5.9)."""

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from shared.wechat.encryption import gcm_encrypt
from simulator.books import Row
from simulator.clock import rfc3339
from simulator.pay.door import request_id
from simulator.pay.seals import Seal
from simulator.platform import Platform

RETRY_PAUSES_SECONDS = (
    *(15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600),
    *(10_800, 10_800, 10_800, 21_600, 21_600),
)
# aiohttp rounds longer timeouts up to whole seconds unless told otherwise.
TIMEOUT = aiohttp.ClientTimeout(total=5, ceil_threshold=60)
ANSWER_KEPT_CHARACTERS = 500
SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}
LIES: dict[str, str | int] = {
    "amount": 1,
    "currency": "USD",
    "mchid": "1900000109",
    "appid": "wxffffffffffffffff",
    "payer": "oSomebodyElse000000000000000",
    "state": "CLOSED",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """How one delivery differs from the good one."""

    name: str = "good"
    seal: Seal = Seal.GOOD
    new_id: bool = False
    foreign_apiv3_key: bool = False
    field: str | None = None
    value: str | int | None = None


GOOD = Variant()
VARIANTS = {
    "good": GOOD,
    "forge": Variant("forge", seal=Seal.BAD),
    "probe": Variant("probe", seal=Seal.PROBE),
    "replay": Variant("replay", seal=Seal.STALE),
    "wrong_serial": Variant("wrong_serial", seal=Seal.WRONG_SERIAL),
    "missing_signature": Variant("missing_signature", seal=Seal.MISSING),
    "foreign_key": Variant("foreign_key", seal=Seal.FOREIGN_KEY),
    "foreign_apiv3_key": Variant("foreign_apiv3_key", foreign_apiv3_key=True),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the shop said to one delivery; no status when it said nothing within 5 seconds."""

    at: float
    what: str
    status: int | None
    body: str

    @property
    def accepted(self) -> bool:
        """Only 200 and 204 count; everything else is tried again."""
        return self.status in (200, 204)


def enqueue(
    platform: Platform,
    event_type: str,
    *,
    out_trade_no: str,
    notify_url: str,
    plaintext: dict[str, Any],
    out_refund_no: str | None = None,
) -> None:
    """Put a notice into the queue, inside the caller's entry; the caller wakes the clock after it."""
    platform.books.insert(
        "notices",
        **_notice(platform, event_type, out_trade_no, notify_url, plaintext),
        out_refund_no=out_refund_no,
        state="PENDING",
        next_attempt_at=platform.clock.now(),
    )


def unqueued(
    platform: Platform, event_type: str, *, out_trade_no: str, notify_url: str, plaintext: dict[str, Any]
) -> Row:
    """A notice for a single delivery, which the books do not know."""
    return _notice(platform, event_type, out_trade_no, notify_url, plaintext)


async def deliver(
    platform: Platform, client: aiohttp.ClientSession, notice: Row, variant: Variant
) -> Outcome:
    """Send a notice once, encrypted and signed anew, and tell what the shop answered."""
    at = platform.clock.now()
    body = _body(platform, notice, variant)
    headers = await platform.seals.headers(body, seal=variant.seal)
    headers |= {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": "Mozilla/4.0",
    } | request_id()
    try:
        async with client.post(
            notice["notify_url"], data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            text = (await answer.content.read(ANSWER_KEPT_CHARACTERS)).decode(errors="replace")
            return Outcome(at, variant.name, answer.status, text)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Outcome(at, variant.name, None, f"{type(error).__name__}: {error}"[:ANSWER_KEPT_CHARACTERS])


def record(platform: Platform, notice: Row, outcomes: list[Outcome]) -> None:
    """Write down one attempt (of one or more deliveries) and when the next one is due, if any."""
    books, number, attempt = platform.books, notice["number"], notice["attempts"] + 1
    delivered = any(outcome.accepted for outcome in outcomes)
    given_up = not delivered and attempt > len(RETRY_PAUSES_SECONDS)
    next_attempt_at = (
        None if delivered or given_up else outcomes[0].at + RETRY_PAUSES_SECONDS[notice["attempts"]]
    )
    state = "DELIVERED" if delivered else "GIVEN_UP" if given_up else "PENDING"
    with books.entry():
        for outcome in outcomes:
            books.insert(
                "attempts",
                notice=number,
                attempt=attempt,
                at=outcome.at,
                what=outcome.what,
                status=outcome.status,
                answer=outcome.body,
            )
        books.write(
            "UPDATE notices SET state = ?, attempts = ?, next_attempt_at = ? WHERE number = ?",
            state,
            attempt,
            next_attempt_at,
            number,
        )


def shown(platform: Platform, notice: Row) -> dict[str, Any]:
    """A notice with its plaintext and its attempts, for people and tests."""
    attempts = platform.books.rows(
        "SELECT attempt, at, what, status, answer FROM attempts WHERE notice = ? ORDER BY id",
        notice["number"],
    )
    return {
        **{name: value for name, value in notice.items() if name not in ("number", "plaintext", "attempts")},
        "plaintext": orjson.loads(notice["plaintext"]),
        "attempts": attempts,
    }


def _notice(
    platform: Platform, event_type: str, out_trade_no: str, notify_url: str, plaintext: dict[str, Any]
) -> Row:
    return {
        "id": str(uuid.uuid4()),
        "event_type": event_type,
        "out_trade_no": out_trade_no,
        "notify_url": notify_url,
        "summary": SUMMARIES[event_type],
        "plaintext": orjson.dumps(plaintext).decode(),
        "created_at": platform.clock.now(),
    }


def _body(platform: Platform, notice: Row, variant: Variant) -> bytes:
    original_type = "transaction" if notice["event_type"] == "TRANSACTION.SUCCESS" else "refund"
    plaintext = notice["plaintext"].encode()
    if variant.field is not None:
        plaintext = _altered(orjson.loads(plaintext), variant.field, variant.value)
    key = secrets.token_hex(16) if variant.foreign_apiv3_key else platform.merchant.apiv3_key
    nonce = secrets.token_hex(6)
    return orjson.dumps(
        {
            "id": str(uuid.uuid4()) if variant.new_id else notice["id"],
            "create_time": rfc3339(notice["created_at"]),
            "resource_type": "encrypt-resource",
            "event_type": notice["event_type"],
            "summary": notice["summary"],
            "resource": {
                "original_type": original_type,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": gcm_encrypt(key, nonce, original_type, plaintext),
                "associated_data": original_type,
                "nonce": nonce,
            },
        }
    )


def _altered(content: dict[str, Any], field: str, value: str | int | None) -> bytes:
    lie = LIES[field] if value is None else value
    match field:
        case "amount":
            name = "refund" if "refund_status" in content else "total"
            content["amount"][name] = lie if value is not None else content["amount"][name] + int(lie)
        case "currency":
            content["amount"]["currency"] = lie
        case "payer":
            content["payer"] = {"openid": lie}
        case "state":
            content["refund_status" if "refund_status" in content else "trade_state"] = lie
        case _:
            content[field] = lie
    return orjson.dumps(content)
