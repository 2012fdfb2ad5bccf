"""Notices: real signatures and encryption, the exact retry ladder, and every way they go wrong."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.simulator.support import Json, Merchant, Shop, Simulator, eventually

PAUSES = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600]


async def test_a_payment_is_told_encrypted_and_signed(merchant: Merchant, shop: Shop) -> None:
    number = await merchant.paid()
    notice = shop.received[0]
    body = json.loads(notice.body)
    assert merchant.opened(notice) == (await merchant.query(number)).json()
    assert body["event_type"] == "TRANSACTION.SUCCESS"
    assert body["resource_type"] == "encrypt-resource"
    assert body["summary"] == "支付成功"
    assert body["resource"]["original_type"] == body["resource"]["associated_data"] == "transaction"
    assert len(body["resource"]["nonce"]) == 12
    assert (await told(merchant.simulator, number))["state"] == "DELIVERED"


async def test_wechatpayv3_reads_the_notice(merchant: Merchant, shop: Shop) -> None:
    number = await merchant.paid()
    oracle = WeChatPay(
        WeChatPayType.MINIPROG,
        merchant.mchid,
        merchant.private_pem,
        merchant.serial_no,
        merchant.appid,
        merchant.apiv3_key,
        public_key=merchant.public_pem,
        public_key_id=merchant.public_key_id,
    )
    read = oracle.callback(shop.received[0].headers, shop.received[0].body)
    assert read["resource"]["out_trade_no"] == number
    assert read["resource"]["amount"]["total"] == 9980


async def test_a_notice_comes_again_on_exactly_the_documented_ladder(merchant: Merchant, shop: Shop) -> None:
    shop.answers = [500] * 16
    number = await merchant.paid()
    simulator = merchant.simulator
    await simulator.control("PUT", "/clock", {"signatures": "system"})
    for attempt, pause in enumerate(PAUSES, start=1):
        await attempted(simulator, number, attempt)
        await simulator.advance(pause - 2)
        assert len((await told(simulator, number))["attempts"]) == attempt, "too early"
        await simulator.advance(2)
        await shop.wait(attempt + 1)
    await attempted(simulator, number, 16)
    notice = await told(simulator, number)
    assert notice["state"] == "GIVEN_UP"
    assert notice["next_attempt_at"] is None
    times = [datetime.fromisoformat(attempt["at"]).timestamp() for attempt in notice["attempts"]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == [pytest.approx(pause, abs=2) for pause in PAUSES]
    assert sum(PAUSES) == 24 * 3600 + 4 * 60
    assert len({json.loads(notice.body)["id"] for notice in shop.received}) == 1
    assert len({notice.headers["wechatpay-nonce"] for notice in shop.received}) == 16
    assert all(merchant.opened(notice)["out_trade_no"] == number for notice in shop.received)


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (204, True), (201, False), (302, False), (401, False)]
)
async def test_only_200_and_204_accept(merchant: Merchant, shop: Shop, status: int, accepted: bool) -> None:
    shop.answers = [status]
    number = await merchant.paid()
    await attempted(merchant.simulator, number, 1)
    notice = await told(merchant.simulator, number)
    assert notice["state"] == ("DELIVERED" if accepted else "PENDING")
    assert notice["attempts"][0]["status"] == status


async def test_five_seconds_of_silence_are_a_failure(merchant: Merchant, shop: Shop) -> None:
    shop.pause_seconds = 5.6
    number = await merchant.paid()
    await attempted(merchant.simulator, number, 1, within_seconds=8)
    assert (await told(merchant.simulator, number))["attempts"][0]["status"] is None


async def test_a_lost_notice_never_comes(merchant: Merchant, shop: Shop) -> None:
    await merchant.simulator.fault({"api": "notice"}, {"kind": "lose"})
    number, prepay_id = await merchant.prepay()
    await merchant.pay(number, prepay_id)
    await eventually(lambda: state_is(merchant.simulator, number, "LOST"))
    await merchant.simulator.advance(86_400)
    assert shop.received == []


async def test_a_delayed_notice_comes_later(merchant: Merchant, shop: Shop) -> None:
    await merchant.simulator.fault({"api": "notice"}, {"kind": "delay", "seconds": 100})
    number, prepay_id = await merchant.prepay()
    await merchant.pay(number, prepay_id)
    await eventually(merchant.simulator_bitten)
    assert shop.received == []
    await merchant.simulator.advance(101)
    await shop.wait(1)
    await eventually(lambda: state_is(merchant.simulator, number, "DELIVERED"))


@pytest.mark.parametrize(
    ("kind", "new_id"), [("duplicate", False), ("duplicate", True), ("concurrent", False)]
)
async def test_a_notice_may_come_twice(merchant: Merchant, shop: Shop, kind: str, new_id: bool) -> None:
    shop.pause_seconds = 0.3
    await merchant.simulator.fault({"api": "notice"}, {"kind": kind, "new_id": new_id})
    number, prepay_id = await merchant.prepay()
    await merchant.pay(number, prepay_id)
    first, second = await shop.wait(2)
    ids = {json.loads(notice.body)["id"] for notice in (first, second)}
    assert len(ids) == (2 if new_id else 1)
    assert merchant.opened(first) == merchant.opened(second)
    assert (second.at - first.at < 0.25) is (kind == "concurrent")
    await attempted(merchant.simulator, number, 2)


@pytest.mark.parametrize(
    "kind", ["forge", "wrong_serial", "missing_signature", "foreign_apiv3_key", "replay"]
)
async def test_an_untrue_notice_is_followed_by_the_good_one(
    merchant: Merchant, shop: Shop, kind: str
) -> None:
    shop.answers = [401]
    await merchant.simulator.fault({"api": "notice"}, {"kind": kind})
    number = await merchant.paid()
    untrue = shop.received[0]
    headers = untrue.headers
    match kind:
        case "forge":
            assert not merchant.verifies(headers, untrue.body)
        case "wrong_serial":
            assert headers["wechatpay-serial"] != merchant.public_key_id
        case "missing_signature":
            assert not [name for name in headers if name.startswith("wechatpay-")]
        case "foreign_apiv3_key":
            assert merchant.verifies(headers, untrue.body)
            with pytest.raises(InvalidTag):
                merchant.opened(untrue)
        case "replay":
            assert merchant.verifies(headers, untrue.body)
            assert int(headers["wechatpay-timestamp"]) == pytest.approx(untrue.at - 86_400, abs=3)
    await attempted(merchant.simulator, number, 1)
    await merchant.simulator.advance(15)
    good = (await shop.wait(2))[1]
    assert merchant.opened(good)["out_trade_no"] == number


async def test_a_probe_is_followed_by_the_good_notice_at_once(merchant: Merchant, shop: Shop) -> None:
    shop.answers = [401]
    await merchant.simulator.fault({"api": "notice"}, {"kind": "probe"})
    number, prepay_id = await merchant.prepay()
    await merchant.pay(number, prepay_id)
    probe, good = await shop.wait(2)
    assert probe.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert not merchant.verifies(probe.headers, probe.body)
    assert merchant.opened(good)["out_trade_no"] == number
    await eventually(lambda: state_is(merchant.simulator, number, "DELIVERED"))


ALTERED: list[tuple[str, Any]] = [
    ("amount", lambda plain: plain["amount"]["total"] == 9981),
    ("currency", lambda plain: plain["amount"]["currency"] == "USD"),
    ("mchid", lambda plain: plain["mchid"] == "1900000109"),
    ("appid", lambda plain: plain["appid"] == "wxffffffffffffffff"),
    ("payer", lambda plain: plain["payer"]["openid"].startswith("oSomebodyElse")),
    ("state", lambda plain: plain["trade_state"] == "CLOSED"),
]


async def test_an_altered_notice_is_signed_rightly_but_lies(merchant: Merchant, shop: Shop) -> None:
    for field, lies in ALTERED:
        await merchant.simulator.fault({"api": "notice"}, {"kind": "alter", "field": field})
        await merchant.paid()
        assert lies(merchant.opened(shop.received[-1])), field
        assert await merchant.simulator.bitten() == 1


async def test_a_payment_may_be_told_after_its_refund(merchant: Merchant, shop: Shop) -> None:
    simulator = merchant.simulator
    match = {"api": "notice", "event_type": "TRANSACTION.SUCCESS"}
    await simulator.fault(match, {"kind": "out_of_order"})
    number, prepay_id = await merchant.prepay()
    await merchant.pay(number, prepay_id)
    await eventually(merchant.simulator_bitten)
    await simulator.control("PUT", "/rules", {"refund_settles_after_seconds": 0})
    await merchant.refund(merchant.refund_of(number))
    first, second = await shop.wait(2)
    assert json.loads(first.body)["event_type"] == "REFUND.SUCCESS"
    assert json.loads(second.body)["event_type"] == "TRANSACTION.SUCCESS"


async def test_a_notice_can_be_sent_by_hand_in_every_variant(merchant: Merchant, shop: Shop) -> None:
    simulator = merchant.simulator
    number = await merchant.paid()
    sent = await simulator.control("POST", f"/notices/{number}/send", {})
    assert sent == {"status": 204, "body": "", "accepted": True}
    assert json.loads(shop.received[0].body)["id"] == json.loads(shop.received[1].body)["id"]
    shop.answers = [401]
    for variant in ("forge", "probe", "foreign_key"):
        shop.answers = [401]
        sent = await simulator.control("POST", f"/notices/{number}/send", {"variant": variant})
        assert sent == {"status": 401, "body": "no", "accepted": False}
        assert not merchant.verifies(shop.received[-1].headers, shop.received[-1].body)
    changed = {"variant": "alter", "field": "amount", "value": 1, "new_id": True}
    await simulator.control("POST", f"/notices/{number}/send", changed)
    assert merchant.opened(shop.received[-1])["amount"]["total"] == 1
    assert json.loads(shop.received[-1].body)["id"] != json.loads(shop.received[0].body)["id"]


async def test_a_forger_may_tell_of_an_unpaid_order(merchant: Merchant, shop: Shop) -> None:
    number, _ = await merchant.prepay()
    await merchant.simulator.control("POST", f"/notices/{number}/send", {"variant": "foreign_key"})
    assert not merchant.verifies(shop.received[0].headers, shop.received[0].body)
    assert (await merchant.query(number)).json()["trade_state"] == "NOTPAY"
    missing = await merchant.simulator.refused("POST", "/notices/NOSUCHORDER/send", {})
    assert missing.status_code == 404


async def told(simulator: Simulator, number: str, which: int = 0) -> Json:
    shown = await simulator.control("GET", f"/payments/{number}")
    notice: Json = shown["notices"][which]
    return notice


async def attempted(simulator: Simulator, number: str, count: int, *, within_seconds: float = 5) -> None:
    async def so_often() -> bool:
        return len((await told(simulator, number))["attempts"]) >= count

    await eventually(so_often, within_seconds=within_seconds)


async def state_is(simulator: Simulator, number: str, state: str) -> bool:
    return bool((await told(simulator, number))["state"] == state)
