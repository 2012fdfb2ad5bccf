"""What was shared comes back before it is refunded (PY-03; reliability M9, K9, K12, P8; checklist B)."""

import asyncio
from typing import Any

import pytest

from services.payment.profit_sharing.advance_return import advance_return
from shared.events import RefundRequested
from tests.integration.payment.partners import Partners, put_rule, share_fault
from tests.integration.payment.till import Till, fault

SYSTEM_ERROR = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"}
REFUSED = {"kind": "error", "status": 400, "code": "INVALID_REQUEST"}
ALL_BACK = {"partner": (1_996, 1_996, "succeeded"), "person": (499, 499, "succeeded")}


async def test_a_full_refund_takes_everything_back_first(till: Till, partners: Partners) -> None:
    order = await partners.shared_order()
    asked = await till.request_refund(order, 9_980)
    await till.run_timers()
    assert await till.platform_refunds(order["order_number"]) == [], "it waits for the partner"
    await partners.until_refund(order, "succeeded")

    assert await partners.got(order) == ALL_BACK
    returned, borne = sorted((await partners.sharing(order))["returns"], key=lambda each: -each["amount_fen"])
    assert [(each["amount_fen"], each["status"]) for each in (returned, borne)] == [
        (1_996, "returned"),
        (499, "borne"),
    ]
    assert await partners.platform_returns(order) == [(returned["out_return_no"], 1_996, "SUCCESS")]
    assert await partners.ledger(order) == {"provider_receivable": -499, "shares_borne": 499}
    assert [type_ for type_, _ in await till.announced(asked.refund_id)] == ["refund.succeeded.v1"]
    events = [
        data for type_, data in await till.announced(await payment_id(till, order)) if "return" in type_
    ]
    assert [(data["returned_fen"], data["refund_id"]) for data in events] == [(1_996, str(asked.refund_id))]


async def test_partial_refunds_take_back_pro_rata_and_in_the_end_everything(
    till: Till, partners: Partners
) -> None:
    order = await partners.shared_order(amount_fen=9_999)
    kept = []
    for refund_fen in (3_333, 1, 6_665):
        await till.request_refund(order, refund_fen)
        got = await partners.got(order)
        kept.append(got["partner"][0] - got["partner"][1])
        await partners.until_refund(order, *["succeeded"] * len(kept))
    assert (await partners.got(order))["partner"] == (1_999, 1_999, "succeeded")
    assert kept == [1_999 * 6_666 // 9_999, 1_999 * 6_665 // 9_999, 0]
    assert sum(amount_fen for _, amount_fen, _ in await partners.platform_returns(order)) == 1_999


async def test_a_refund_before_the_share_leaves_less_to_share(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.request_refund(order, 4_980)
    await partners.until_refund(order, "succeeded")
    await partners.complete(order)
    sharing = await partners.until(order, "unfrozen")
    assert sharing["shared_fen"] == 1_250
    assert await partners.got(order) == {"partner": (1_000, 0, "succeeded"), "person": (250, 0, "succeeded")}
    await till.request_refund(order, 5_000)
    await partners.until_refund(order, "succeeded", "succeeded")
    assert {back_fen for _, back_fen, _ in (await partners.got(order)).values()} == {1_000, 250}


async def test_an_order_that_was_refunded_in_full_is_never_shared(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.request_refund(order, 9_980)
    await partners.until_refund(order, "succeeded")
    await partners.complete(order)
    sharing = await partners.until(order, "unfrozen")
    assert (sharing["shared_fen"], sharing["parts"]) == (0, [])
    assert await partners.ledger(order) == {}


async def test_a_refund_during_the_share_waits_for_its_end(till: Till, partners: Partners) -> None:
    await till.rules(share_settles_after_seconds=20)
    order = await till.paid_order()
    await partners.complete(order)
    await till.run_timers()
    await till.request_refund(order, 9_980)
    await till.run_timers()
    assert [each["status"] for each in (await partners.sharing(order))["returns"]] == ["requested"] * 2
    assert await till.platform_refunds(order["order_number"]) == []
    await partners.until_refund(order, "succeeded")
    assert await partners.got(order) == ALL_BACK
    assert {each["status"] for each in (await partners.sharing(order))["returns"]} == {"returned", "borne"}


async def test_a_share_that_never_arrived_need_not_come_back(till: Till, partners: Partners) -> None:
    await till.rules(
        share_settles_after_seconds=20, share_fails_for={partners.partner["account"]: "NO_RELATION"}
    )
    order = await till.paid_order()
    await partners.complete(order)
    await till.run_timers()
    await till.request_refund(order, 9_980)
    await partners.until_refund(order, "succeeded")
    assert await partners.got(order) == {"partner": (1_996, 0, "closed"), "person": (499, 499, "succeeded")}
    assert sorted(each["status"] for each in (await partners.sharing(order))["returns"]) == ["borne", "void"]
    await till.advance(days=29)
    await partners.until(order, "unfrozen")
    assert await partners.ledger(order) == {"provider_receivable": -499, "shares_borne": 499}


async def test_a_refused_share_does_not_hold_a_refund_up(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.wechat.faults(
        share_fault("share", {"kind": "error", "status": 403, "code": "NO_AUTH"}, times=2)
    )
    await partners.complete(order)
    await partners.until(order, "refused")
    await till.request_refund(order, 9_980)
    await partners.until_refund(order, "succeeded")
    assert await partners.got(order) == {"partner": (1_996, 0, "closed"), "person": (499, 0, "closed")}
    assert await partners.ledger(order) == {}


@pytest.mark.parametrize(("action", "effect"), [(SYSTEM_ERROR, True), ({"kind": "reset"}, False)])
async def test_an_unknown_return_is_asked_again_under_its_number(
    till: Till, partners: Partners, action: dict[str, object], effect: bool
) -> None:
    order = await partners.shared_order()
    await till.wechat.faults(share_fault("share_return", {**action, "effect": effect}, times=2))
    await till.request_refund(order, 9_980)
    await partners.until_refund(order, "succeeded")
    assert [amount_fen for _, amount_fen, _ in await partners.platform_returns(order)] == [1_996]


@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
async def test_a_crash_around_the_return_takes_back_once(
    till: Till, partners: Partners, effect: bool
) -> None:
    order = await partners.shared_order()
    await till.request_refund(order, 9_980)
    (number,) = [
        each["out_return_no"]
        for each in (await partners.sharing(order))["returns"]
        if each["status"] == "requested"
    ]
    await till.wechat.faults(share_fault("share_return", {"kind": "delay", "seconds": 1, "effect": effect}))
    dying = asyncio.create_task(advance_return(till.resources, number, at=till.clock.now()))
    await asyncio.sleep(0.3)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    await partners.until_refund(order, "succeeded")
    assert [amount_fen for _, amount_fen, _ in await partners.platform_returns(order)] == [1_996]


async def test_a_failed_return_fails_the_refund_until_it_is_tried_again_under_a_new_number(
    till: Till, partners: Partners
) -> None:
    order = await partners.shared_order()
    await till.rules(share_return_fails_as="BALANCE_NOT_ENOUGH")
    asked = await till.request_refund(order, 9_980)
    await partners.until_refund(order, "failed")
    (refund,) = (await till.detail(order))["refunds"]
    assert "BALANCE_NOT_ENOUGH" in refund["failure"]
    assert await till.platform_refunds(order["order_number"]) == []
    await till.rules(share_return_fails_as=None)
    await till.react(asked)
    await partners.until_refund(order, "succeeded")
    (failed, again) = await partners.platform_returns(order)
    assert (failed[2], again) == ("FAILED", (f"{failed[0]}-2", 1_996, "SUCCESS"))
    assert await partners.ledger(order) == {"provider_receivable": -499, "shares_borne": 499}


async def test_after_180_days_an_operator_has_the_shop_bear_it(till: Till, partners: Partners) -> None:
    order = await partners.shared_order()
    await till.wechat.faults(share_fault("share_return", REFUSED, times=99))
    asked = await till.request_refund(order, 4_990)
    await partners.until_refund(order, "failed")
    await till.react(asked)
    await partners.until_refund(order, "failed")
    (failed,) = [each for each in (await partners.sharing(order))["returns"] if each["status"] == "failed"]
    path = f"/returns/{failed['out_return_no']}/bear"
    borne = await partners.act(path)
    assert (borne.status_code, borne.json()["status"]) == (200, "borne")
    assert (await partners.act(path)).status_code == 409
    assert (await partners.act("/returns/RETURN-UNKNOWN-1/bear")).status_code == 404
    await partners.until_refund(order, "succeeded")
    assert await partners.platform_returns(order) == []
    assert (await partners.ledger(order))["shares_borne"] == 998 + 250
    logged = await till.rows(
        "SELECT after FROM audit_log WHERE subject = :subject",
        subject=f"share-return/{failed['out_return_no']}",
    )
    assert [row["after"]["amount_fen"] for row in logged] == [998]


async def test_surplus_money_is_refunded_out_of_its_freeze_and_never_shared(
    till: Till, partners: Partners
) -> None:
    order = await till.order()
    collected = await till.collect(order)
    says_closed = {"kind": "error", "status": 400, "code": "ORDER_CLOSED"}
    await till.wechat.faults(fault("close", order, says_closed))
    assert (await till.close(order)).json() == {"status": "closed"}
    await till.advance(seconds=30)
    await till.run_timers()
    await till.wechat.pay(order["order_number"], collected["request_payment"], late=True)
    await till.advance(minutes=10)
    await partners.until_refund(order, "succeeded")
    (frozen,) = [
        each for each in (await partners.books())["frozen"] if each["out_trade_no"] == order["order_number"]
    ]
    assert frozen["amount_fen"] == 0
    assert (await partners.act(f"/shares/{order['order_id']}", method="GET")).status_code == 404
    assert await partners.ledger(order) == {}


async def test_a_return_that_differs_is_disputed(till: Till, partners: Partners) -> None:
    order = await partners.shared_order()
    await till.request_refund(order, 9_980)
    (number,) = [
        each["out_return_no"]
        for each in (await partners.sharing(order))["returns"]
        if each["status"] == "requested"
    ]
    async with till.resources.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"UPDATE share_returns SET calls = 1, amount_fen = 1_995 WHERE out_return_no = '{number}'"
        )
    await till.resources.wechat_pay.profit_sharing.take_back(
        number,
        out_order_no=f"SHARE-{order['order_number']}-1",
        mchid=partners.partner["account"],
        amount_fen=1_996,
        description="x",
    )
    await till.run_timers()
    assert await till.security_events(order["order_number"]) == ["disputed-statement"]
    assert (await till.detail(order))["disputed_at"] is not None
    assert await till.platform_refunds(order["order_number"]) == []


async def test_shares_and_refunds_at_once_never_take_more_than_was_paid(
    till: Till, partners: Partners
) -> None:
    await put_rule(partners, [(partners.partner, 3_000)])
    order = await till.paid_order(amount_fen=1_000)
    await till.advance(minutes=10)
    share = (partners.act(f"/shares/{order['order_id']}/share") for _ in range(16))
    refund = (till.request_refund(order, 70) for _ in range(16))
    outcomes: list[Any] = await asyncio.gather(*share, *refund, return_exceptions=True)
    assert sum(isinstance(each, RefundRequested) for each in outcomes) >= 1
    detail, sharing = await till.detail(order), await partners.sharing(order)
    left_fen = sharing["shared_fen"] - sharing["share_back_fen"]
    assert sharing["shared_fen"] <= 300
    assert 0 <= left_fen + detail["refunded_fen"] <= 1_000
    assert detail["refunded_fen"] <= 980
    assert detail["refunded_fen"] == sum(
        each["refund_fen"] for each in detail["refunds"] if each["status"] != "refused"
    )
    await partners.until(order, "unfrozen")


async def payment_id(till: Till, order: dict[str, Any]) -> str:
    return str((await till.detail(order))["payment_id"])
