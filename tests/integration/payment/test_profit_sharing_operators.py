"""Who decides about profit sharing, and how it is kept (PY-03, K8, SEC14)."""

import asyncio
import secrets
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.integration.payment.partners import ROOT, Partners, share_fault
from tests.integration.payment.till import Till


def a_partner() -> dict[str, Any]:
    return {
        "kind": "merchant",
        "account": f"18{secrets.randbelow(10**8):08}",
        "relation": "SUPPLIER",
        "name": "云南小粒咖啡合作社",
    }


async def test_a_receiver_is_registered_once_and_its_name_is_not_kept(till: Till, partners: Partners) -> None:
    wish = a_partner()
    first, again = await partners.act("/receivers", wish), await partners.act("/receivers", wish)
    assert (first.status_code, first.json()["status"]) == (201, "active")
    assert again.json()["receiver_id"] == first.json()["receiver_id"]
    (at_wechat,) = [
        each for each in (await partners.books())["share_receivers"] if each["account"] == wish["account"]
    ]
    assert (at_wechat["type"], at_wechat["relation_type"]) == ("MERCHANT_ID", "SUPPLIER")
    kept = await till.rows(
        "SELECT * FROM share_receivers WHERE receiver_id = :id", id=first.json()["receiver_id"]
    )
    logged = await till.rows(
        "SELECT * FROM audit_log WHERE subject = :subject",
        subject=f"share-receiver/{first.json()['receiver_id']}",
    )
    answers = await till.rows("SELECT answer FROM idempotency_keys WHERE key LIKE '%profit-sharing%'")
    assert len(logged) == 2
    for rows in (kept, logged, answers):
        assert wish["name"] not in str(rows)


@pytest.mark.parametrize("effect", [False, True])
async def test_a_receiver_whose_registration_is_unknown_gets_nothing_before_it_is_repeated(
    till: Till, partners: Partners, effect: bool
) -> None:
    wish = a_partner()
    lost = {"kind": "error", "status": 500, "code": "SYSTEM_ERROR", "effect": effect}
    await till.wechat.faults(share_fault("share_receiver", lost))
    unknown = await partners.act("/receivers", wish)
    assert (unknown.status_code, unknown.json()["type"]) == (503, "/problems/payment/provider-silent")
    (adding,) = (await partners.act("/receivers?status=adding&limit=1", method="GET")).json()["items"]
    assert adding["account"] == wish["account"]
    rule = {
        "version": 0,
        "share_after_seconds": 0,
        "receivers": [{"receiver_id": adding["receiver_id"], "share_bp": 1}],
    }
    assert (await partners.act("/rule", rule, method="PUT")).status_code == 422
    assert (await partners.act("/receivers", wish)).json()["status"] == "active"


async def test_a_receiver_that_wechat_refuses_stays_unregistered(till: Till, partners: Partners) -> None:
    nobody = {"kind": "personal", "account": "oNobody0000000000000000000000", "relation": "USER"}
    refused = await partners.act("/receivers", nobody)
    assert (refused.status_code, refused.json()["code"]) == (409, "INVALID_REQUEST")
    for wrong in (
        {**a_partner(), "name": None},
        {**a_partner(), "relation": "CUSTOM"},
        {**a_partner(), "relation": "FRIEND"},
        {**a_partner(), "status": "active"},
        {**a_partner(), "account": "1 2"},
    ):
        assert (await partners.act("/receivers", wrong)).status_code == 422


async def test_a_removed_receiver_is_told_to_wechat_until_it_knows_and_may_come_back(
    till: Till, partners: Partners
) -> None:
    path = f"/receivers/{partners.partner['receiver_id']}/remove"
    await till.wechat.faults(share_fault("share_receiver", {"kind": "reset"}, times=2))
    assert (await partners.act(path)).json()["status"] == "removing"
    await till.run_timers()
    await till.advance(minutes=5)
    await till.run_timers()
    (removed,) = (await partners.act("/receivers?status=removed&limit=1", method="GET")).json()["items"]
    assert removed["receiver_id"] == partners.partner["receiver_id"]
    accounts = {each["account"] for each in (await partners.books())["share_receivers"]}
    assert partners.partner["account"] not in accounts
    back = {"kind": "merchant", "account": removed["account"], "relation": "PARTNER", "name": "云上咖啡"}
    assert (await partners.act("/receivers", back)).json()["status"] == "active"
    assert (await partners.act("/receivers/somebody/remove")).status_code == 422


async def test_a_rule_is_a_new_version_within_the_ratio_and_in_the_audit_log(
    till: Till, partners: Partners
) -> None:
    rule = (await till.shop.as_operator("auditor").get("payment", f"{ROOT}/rule")).json()
    assert sorted(part["share_bp"] for part in rule["receivers"]) == [500, 2_000]
    part = {"receiver_id": partners.partner["receiver_id"], "share_bp": 3_000}
    wish = {"version": rule["version"], "share_after_seconds": 60, "receivers": [part]}
    changed = await partners.act("/rule", wish, method="PUT")
    assert (changed.status_code, changed.json()["version"]) == (200, rule["version"] + 1)
    stale = await partners.act("/rule", wish, method="PUT")
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/payment/share-rule-changed")
    for receivers, status in (
        ([{**part, "share_bp": 3_001}], 409),
        ([part, part], 422),
        ([{**part, "share_bp": 0}], 422),
        ([{**part, "receiver_id": "01a200ea-a676-7431-aeb2-9c26d07d76a4"}], 422),
    ):
        wrong = {**wish, "version": rule["version"] + 1, "receivers": receivers}
        assert (await partners.act("/rule", wrong, method="PUT")).status_code == status, receivers
    (entry, *_) = await till.rows(
        "SELECT before, after FROM audit_log WHERE subject = 'share-rule' ORDER BY position DESC LIMIT 1"
    )
    assert (entry["before"]["version"], entry["after"]["receivers"]) == (rule["version"], [part])


async def test_of_many_rules_at_once_one_is_set(till: Till, partners: Partners) -> None:
    version = (await till.shop.as_operator("auditor").get("payment", f"{ROOT}/rule")).json()["version"]
    wish = {"version": version, "share_after_seconds": 0, "receivers": []}
    answers = await asyncio.gather(*(partners.act("/rule", wish, method="PUT") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]


async def test_a_word_under_one_key_counts_once(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    path, headers = f"{ROOT}/shares/{order['order_id']}/unfreeze", {"idempotency-key": secrets.token_hex(8)}
    finance = till.shop.as_operator("finance")
    first = await finance.post("payment", path, headers=headers)
    second = await finance.post("payment", path, headers=headers)
    assert (first.status_code, second.status_code, first.json()) == (202, 202, second.json())
    assert (await finance.post("payment", path)).status_code == 400
    assert (await partners.act(f"/shares/{order['order_id']}/unfreeze")).status_code == 409
    assert (await partners.act(f"/shares/{partners.partner['receiver_id']}/share")).status_code == 404


async def test_finance_decides_auditors_read_and_nobody_else_does(till: Till, partners: Partners) -> None:
    order = await till.paid_order()
    headers = {"idempotency-key": secrets.token_hex(8)}
    reads = ("/receivers", "/rule", "/shares", f"/shares/{order['order_id']}")
    for role, status in (("finance", 200), ("auditor", 200), ("owner", 200), ("operations", 403)):
        caller = till.shop.as_operator(role)
        for path in reads:
            assert (await caller.get("payment", ROOT + path)).status_code == status
    for role in ("auditor", "operations", "service_desk"):
        caller = till.shop.as_operator(role)
        for path in (f"/shares/{order['order_id']}/share", "/returns/RETURN-1-1/bear"):
            assert (await caller.post("payment", ROOT + path, headers=headers)).status_code == 403
    assert (await till.shop.as_member().get("payment", f"{ROOT}/rule")).status_code == 401


async def test_operators_page_through_shared_payments_newest_first(till: Till, partners: Partners) -> None:
    orders = [await till.paid_order() for _ in range(2)]
    auditor = till.shop.as_operator("auditor")
    page = (await auditor.get("payment", f"{ROOT}/shares?limit=1&status=none")).json()
    assert [each["order_id"] for each in page["items"]] == [orders[1]["order_id"]]
    page = (await auditor.get("payment", f"{ROOT}/shares?limit=1&status=none&after={page['next']}")).json()
    assert [each["order_id"] for each in page["items"]] == [orders[0]["order_id"]]


@pytest.mark.parametrize("table", ["share_rules", "share_rule_parts"])
async def test_a_rule_that_was_set_stays_as_it_is(till: Till, partners: Partners, table: str) -> None:
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET version = version"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with till.resources.engine.begin() as connection:
                await connection.exec_driver_sql(change)
