"""Sharing what an order brought (PY-03; reliability M9, K9, K12; wechat.md 5.13)."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from services.payment.profit_sharing.advance_share import advance_share
from tests.integration.payment.partners import Partners, put_rule, share_fault
from tests.integration.payment.till import Till, entries

SYSTEM_ERROR = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR"}
REFUSED = {"kind": "error", "status": 403, "code": "NO_AUTH"}


async def test_a_completed_order_is_shared_announced_and_unfrozen(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    assert (await partners.sharing(order))["status"] == "none"
    await partners.complete(order)
    sharing = await partners.until(order, "unfrozen")

    assert await partners.got(order) == {"partner": (1_996, 0, "succeeded"), "person": (499, 0, "succeeded")}
    assert [(each["out_order_no"], each["status"]) for each in sharing["orders"]] == [
        (f"SHARE-{order['order_number']}-1", "finished"),
        (f"UNFREEZE-{order['order_number']}-2", "finished"),
    ]
    assert await partners.platform_shares(order) == sorted(
        [(partners.partner["account"], 1_996, "SUCCESS"), (partners.person["account"], 499, "SUCCESS")]
    )
    frozen = [each["out_trade_no"] for each in (await partners.books())["frozen"]]
    assert order["order_number"] not in frozen
    events = dict(await till.announced(sharing["payment_id"]))
    assert events["profit.shared.v1"]["shared_fen"] == 2_495
    assert entries(await till.detail(order)) == [
        ("received", "provider_receivable", 9_980),
        ("received", "order_receipts", -9_980),
        ("frozen", "provider_frozen", 9_980),
        ("frozen", "provider_receivable", -9_980),
        ("requested", "order_receipts", 2_495),
        ("requested", "shares_payable", -2_495),
        ("finished", "shares_payable", 2_495),
        ("finished", "provider_frozen", -2_495),
        ("unfrozen", "provider_receivable", 7_485),
        ("unfrozen", "provider_frozen", -7_485),
    ]


async def test_without_a_rule_nothing_is_frozen_or_shared(till: Till, partners: Partners) -> None:
    await put_rule(partners, [])
    order = await till.paid_order()
    await partners.complete(order)
    await till.run_timers()
    answer = await till.shop.as_operator("auditor").get(
        "payment", f"/operator/profit-sharing/shares/{order['order_id']}"
    )
    assert answer.status_code == 404
    assert order["order_number"] not in {each["out_trade_no"] for each in (await partners.books())["frozen"]}


async def test_a_payment_is_shared_by_the_rule_under_which_it_was_prepaid(
    till: Till, partners: Partners
) -> None:
    order = await till.order()
    collected = await till.collect(order)
    await put_rule(partners, [(partners.partner, 1)])
    again = await till.collect(order)
    assert again["request_payment"]["package"] == collected["request_payment"]["package"]
    await till.wechat.pay(order["order_number"], again["request_payment"])
    await till.wait_for(order, "succeeded")
    await partners.complete(order)
    await partners.until(order, "unfrozen")
    assert await partners.got(order) == {"partner": (1_996, 0, "succeeded"), "person": (499, 0, "succeeded")}


async def test_sharing_waits_for_the_rules_time_after_completion(till: Till, partners: Partners) -> None:
    await put_rule(partners, [(partners.partner, 1_000)], share_after_seconds=3 * 86_400)
    order = await till.paid_order()
    await partners.complete(order)
    await till.advance(days=2)
    await till.run_timers()
    assert (await partners.sharing(order))["status"] == "none"
    await till.advance(days=1)
    await partners.until(order, "unfrozen")
    assert await partners.got(order) == {"partner": (998, 0, "succeeded")}


async def test_a_completed_order_is_shared_before_its_money_would_be_unfrozen(
    till: Till, partners: Partners
) -> None:
    await put_rule(partners, [(partners.partner, 1_000)], share_after_seconds=29 * 86_400)
    order = await till.paid_order()
    await till.advance(days=20)
    await partners.complete(order)
    await till.advance(days=9, hours=-1)
    await partners.until(order, "unfrozen")
    assert await partners.got(order) == {"partner": (998, 0, "succeeded")}


async def test_what_nobody_shares_is_unfrozen_before_thirty_days(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.advance(days=29)
    sharing = await partners.until(order, "unfrozen")
    assert [each["kind"] for each in sharing["orders"]] == ["unfreeze"]
    assert await partners.ledger(order) == {"provider_receivable": 9_980, "order_receipts": -9_980}
    await partners.complete(order)
    await till.run_timers()
    assert (await partners.act(f"/shares/{order['order_id']}/share")).status_code == 409


async def test_money_that_wechat_let_go_by_itself_counts_as_unfrozen(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.advance(days=31)
    await partners.until(order, "unfrozen")
    assert await partners.ledger(order) == {"provider_receivable": 9_980, "order_receipts": -9_980}


@pytest.mark.parametrize(
    ("api", "action", "effect"),
    [
        ("share", SYSTEM_ERROR, True),
        ("share", {"kind": "reset"}, False),
        ("unfreeze", SYSTEM_ERROR, False),
        ("unfreeze", {"kind": "reset"}, True),
    ],
)
async def test_an_unknown_outcome_is_asked_again_under_the_same_number(
    till: Till, partners: Partners, api: str, action: dict[str, object], effect: bool
) -> None:
    order = await till.paid_order()
    await till.wechat.faults(share_fault(api, {**action, "effect": effect}, times=2))
    await partners.complete(order)
    sharing = await partners.until(order, "unfrozen")
    assert len(sharing["orders"]) == 2
    assert await partners.platform_shares(order) == sorted(
        [(partners.partner["account"], 1_996, "SUCCESS"), (partners.person["account"], 499, "SUCCESS")]
    )


@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("api", ["share", "unfreeze"])
async def test_a_crash_around_the_call_shares_once(
    till: Till, partners: Partners, api: str, effect: bool
) -> None:
    order = await till.paid_order()
    await till.advance(minutes=10)
    if api == "share":
        answer = await partners.act(f"/shares/{order['order_id']}/share")
    else:
        answer = await partners.act(f"/shares/{order['order_id']}/unfreeze")
    number = answer.json()["orders"][-1]["out_order_no"]
    await till.wechat.faults(share_fault(api, {"kind": "delay", "seconds": 1, "effect": effect}))
    dying = asyncio.create_task(advance_share(till.resources, number, at=till.clock.now()))
    await asyncio.sleep(0.3)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert [each["calls"] for each in (await partners.sharing(order))["orders"]] == [1]
    sharing = await partners.until(order, "unfrozen")
    assert len(sharing["orders"]) == (2 if api == "share" else 1)
    assert len(await partners.platform_shares(order)) == (2 if api == "share" else 0)


async def test_a_refused_share_waits_for_an_operator_under_its_number(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.wechat.faults(share_fault("share", REFUSED, times=2))
    await partners.complete(order)
    sharing = await partners.until(order, "refused")
    assert "NO_AUTH" in sharing["orders"][0]["last_error"]
    assert sharing["shared_fen"] == 2_495, "the promise stands"
    again = await partners.act(f"/shares/{order['order_id']}/share")
    assert (again.status_code, len(again.json()["orders"])) == (202, 1)
    await partners.until(order, "unfrozen")
    assert await partners.got(order) == {"partner": (1_996, 0, "succeeded"), "person": (499, 0, "succeeded")}


async def test_a_refused_share_that_is_given_up_promises_nothing_more(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.wechat.faults(share_fault("share", REFUSED, times=2))
    await partners.complete(order)
    await partners.until(order, "refused")
    assert (await partners.act(f"/shares/{order['order_id']}/unfreeze")).status_code == 202
    sharing = await partners.until(order, "unfrozen")
    assert sharing["shared_fen"] == 0
    assert await partners.got(order) == {"partner": (1_996, 0, "closed"), "person": (499, 0, "closed")}
    assert await partners.ledger(order) == {"provider_receivable": 9_980, "order_receipts": -9_980}
    assert "profit.shared.v1" not in dict(await till.announced(sharing["payment_id"]))


async def test_who_got_nothing_is_served_again_on_an_operators_word(till: Till, partners: Partners) -> None:
    await till.rules(share_fails_for={partners.partner["account"]: "ACCOUNT_ABNORMAL"})
    order = await till.paid_order()
    await partners.complete(order)
    sharing = await partners.until(order, "finished")
    assert sharing["shared_fen"] == 499
    assert await partners.got(order) == {"partner": (1_996, 0, "closed"), "person": (499, 0, "succeeded")}
    await till.rules(share_fails_for={})
    assert (await partners.act(f"/shares/{order['order_id']}/share")).status_code == 202
    sharing = await partners.until(order, "unfrozen")
    assert sharing["shared_fen"] == 2_495
    succeeded = [part for part in sharing["parts"] if part["result"] == "succeeded"]
    assert sorted(part["amount_fen"] for part in succeeded) == [499, 1_996]
    assert await partners.ledger(order) == {"provider_receivable": 7_485, "order_receipts": -7_485}


async def test_of_one_fen_nobody_gets_anything(till: Till, partners: Partners) -> None:
    order = await till.paid_order(amount_fen=1)
    await partners.complete(order)
    sharing = await partners.until(order, "unfrozen")
    assert (sharing["shared_fen"], sharing["parts"]) == (0, [])


async def test_a_removed_receiver_gets_nothing_of_earlier_payments(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    removed = await partners.act(f"/receivers/{partners.person['receiver_id']}/remove")
    assert (removed.status_code, removed.json()["status"]) == (202, "removing")
    await partners.complete(order)
    await partners.until(order, "unfrozen")
    assert await partners.got(order) == {"partner": (1_996, 0, "succeeded")}
    at_wechat = {each["account"] for each in (await partners.books())["share_receivers"]}
    assert partners.person["account"] not in at_wechat


async def test_many_words_at_once_share_once(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    await till.advance(minutes=10)
    answers = await asyncio.gather(
        *(partners.act(f"/shares/{order['order_id']}/share") for _ in range(16)), return_exceptions=True
    )
    codes = sorted(answer.status_code for answer in answers if not isinstance(answer, BaseException))
    assert (codes[0], codes.count(202)) == (202, 1)
    sharing = await partners.until(order, "unfrozen")
    assert sharing["shared_fen"] == 2_495
    assert len(await partners.platform_shares(order)) == 2


async def test_a_payment_that_shares_too_much_is_refused_by_the_database(
    till: Till, partners: Partners
) -> None:
    order = await till.paid_order()
    await till.advance(minutes=10)
    assert (await partners.act(f"/shares/{order['order_id']}/share")).status_code == 202
    for change in (
        "shared_fen = paid_fen * share_max_bp / 10000 + 1",
        "share_back_fen = shared_fen + 1",
        "share_back_fen = -1",
        "refunded_fen = paid_fen",
    ):
        with pytest.raises(IntegrityError, match="payments_shared_check"):
            async with till.resources.engine.begin() as connection:
                await connection.exec_driver_sql(
                    f"UPDATE payments SET {change} WHERE order_id = '{order['order_id']}'"
                )
