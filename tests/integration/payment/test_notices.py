"""What WeChat Pay posts, and what others post in its name (reliability P3, P4, SEC8; checklist B)."""

import asyncio

import httpx
import pytest

from services.payment.resources import PAYMENT_NOTICES, REFUND_NOTICES
from tests.integration.payment.till import ELSEWHERE, Till, entries, fault


async def test_fifty_notices_count_once(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    told = [await till.notice(order["order_number"], new_id=bool(number % 2)) for number in range(10)]
    told += await asyncio.gather(
        *(till.notice(order["order_number"], new_id=bool(number % 2)) for number in range(40))
    )
    assert {each["status"] for each in told} == {204}
    detail = await till.detail(order)
    assert (detail["status"], len(detail["notices"])) == ("succeeded", 1)
    assert entries(detail) == [
        ("received", "provider_receivable", 9_980),
        ("received", "order_receipts", -9_980),
    ]
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]


async def test_fifty_first_notices_at_once_count_once(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    told = await asyncio.gather(
        *(till.notice(order["order_number"], new_id=bool(number % 2)) for number in range(50))
    )
    assert 204 in {each["status"] for each in told}
    assert {each["status"] for each in told} <= {204, 503}
    detail = await till.detail(order)
    assert (detail["status"], len(detail["notices"]), len(detail["ledger"])) == ("succeeded", 1, 2)
    assert [type_ for type_, _ in await till.announced(collected["payment_id"])] == ["payment.succeeded.v1"]


async def test_a_notice_and_a_query_at_once_count_once(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await asyncio.gather(
        *(till.notice(order["order_number"]) for _ in range(4)),
        *(till.status(order, refresh=True) for _ in range(4)),
    )
    assert len((await till.detail(order))["ledger"]) == 2
    assert len(await till.announced(collected["payment_id"])) == 1


@pytest.mark.parametrize(
    "variant", ["forge", "probe", "replay", "wrong_serial", "missing_signature", "foreign_key"]
)
async def test_an_unproved_notice_is_refused_and_logged(till: Till, variant: str) -> None:
    order = await till.order()
    await till.collect(order)
    logged = await till.count("security_events")
    told = await till.notice(order["order_number"], variant=variant)
    assert told["status"] == 401
    assert '"FAIL"' in told["body"]
    assert await till.count("security_events") == logged + 1
    await _moved_nothing(till, order)


async def test_a_notice_that_cannot_be_decrypted_is_asked_for_again(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    assert (await till.notice(order["order_number"], variant="foreign_apiv3_key"))["status"] == 500
    await _moved_nothing(till, order)


@pytest.mark.parametrize("field", ["amount", "currency", "mchid", "appid", "payer", "state"])
async def test_a_signed_notice_that_differs_from_the_order_is_disputed(till: Till, field: str) -> None:
    order = await till.order()
    collected = await till.collect(order)
    told = await till.notice(order["order_number"], variant="alter", field=field)
    assert told["status"] == 409
    await _moved_nothing(till, order)
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    detail = await till.detail(order)
    assert detail["disputed_at"] is not None
    assert order["payer_openid"] not in str(await till.rows("SELECT detail FROM security_events"))
    # The truth, told afterwards, still counts.
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")


async def test_a_lie_about_a_payment_that_succeeded_is_disputed_too(till: Till) -> None:
    order = await till.paid_order()
    assert (await till.notice(order["order_number"], variant="alter", field="amount"))["status"] == 409
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    assert (await till.detail(order))["paid_fen"] == 9_980


async def test_a_payment_nobody_asked_for_is_not_swallowed(till: Till) -> None:
    order = await till.order()
    await till.collect(order)
    stranger = f"{order['order_number']}X"
    notify_url = till.resources.payment_notify_url
    # The same WeChat, paid under a number that this shop never gave out.
    await till.resources.wechat_pay.prepay(
        stranger,
        description="a stranger",
        total_fen=1,
        openid=order["payer_openid"],
        notify_url=notify_url,
        time_expire=till.clock.now(),
    )
    assert (await till.notice(stranger))["status"] == 404
    (event,) = await till.rows(
        "SELECT kind FROM security_events WHERE detail->>'reason' = :reason", reason=stranger
    )
    assert event["kind"] == "notice-unknown-number"


async def test_a_refund_notice_at_the_payments_door_moves_nothing(till: Till) -> None:
    order = await till.paid_order()
    await till.wechat.faults(ELSEWHERE)
    await till.request_refund(order, 100)
    await till.run_timers()
    told = await till.notice(
        order["order_number"], event="refund", notify_url=till.resources.payment_notify_url
    )
    assert told["status"] == 500
    assert [each["status"] for each in (await till.detail(order))["refunds"]] == ["processing"]


@pytest.mark.parametrize("path", [PAYMENT_NOTICES, REFUND_NOTICES])
@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"trade_state":"SUCCESS"}', b"\xff" * 100])
async def test_anything_else_is_refused(till: Till, path: str, body: bytes) -> None:
    url = till.resources.payment_notify_url.removesuffix(PAYMENT_NOTICES)
    async with httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "FAIL")


async def test_a_giant_notice_is_refused_unread(till: Till) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(till.resources.payment_notify_url, content=b"x" * 65_537)
    assert answer.status_code == 413


async def test_a_notice_that_comes_before_our_prepay_is_answered_counts(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(fault("prepay", order, {"kind": "delay", "seconds": 0.8, "effect": True}))
    collecting = asyncio.create_task(till.put(order))
    await asyncio.sleep(0.4)
    (await till.wechat.control.post(f"/payments/{order['order_number']}/confirm")).raise_for_status()
    await till.wait_for(order, "succeeded")
    assert (await collecting).status_code in (200, 503)
    detail = await till.detail(order)
    assert [each["status"] for each in detail["attempts"]] == ["succeeded"]
    assert len(detail["ledger"]) == 2
    assert (await till.collect(order))["status"] == "succeeded"


async def test_a_notice_that_comes_after_all_was_given_back_moves_nothing(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(ELSEWHERE)
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    assert await till.status(order, refresh=True) == "succeeded"
    await till.request_refund(order, 9_980)
    await till.ask_until_refunded(order)
    await till.advance(hours=23)
    assert (await till.notice(order["order_number"]))["status"] == 204
    detail = await till.detail(order)
    assert (detail["status"], detail["refunded_fen"], detail["disputed_at"]) == ("succeeded", 9_980, None)
    assert len(detail["ledger"]) == 6
    assert len(await till.announced(collected["payment_id"])) == 1


async def test_a_probe_is_refused_and_the_notice_after_it_counts(till: Till) -> None:
    order = await till.order()
    await till.wechat.faults(fault("notice", order, {"kind": "probe"}))
    collected = await till.collect(order)
    await till.wechat.pay(order["order_number"], collected["request_payment"])
    await till.wait_for(order, "succeeded")


async def test_both_kinds_of_keys_and_their_rotation_are_understood(till: Till) -> None:
    control = till.wechat.control
    await till.advance(minutes=2)  # certificates are downloaded at most once a minute
    try:
        for mode in ("certificate", "public_key", "grey"):
            (await control.put("/verification-mode", json={"mode": mode, "percent": 50})).raise_for_status()
            await till.paid_order()
        (await control.put("/verification-mode", json={"mode": "certificate"})).raise_for_status()
        (await control.post("/certificates/rotate")).raise_for_status()
        await till.advance(minutes=2)
        await till.paid_order()
    finally:
        (await control.put("/verification-mode", json={"mode": "public_key"})).raise_for_status()


async def _moved_nothing(till: Till, order: dict[str, object]) -> None:
    detail = await till.detail(order)
    assert (detail["status"], detail["paid_fen"], detail["notices"], detail["ledger"]) == (
        "paying",
        0,
        [],
        [],
    )
    assert await till.announced(detail["payment_id"]) == []
