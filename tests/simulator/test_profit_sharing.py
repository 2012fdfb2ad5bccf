"""Profit sharing: frozen money, its limits, results, returns and what becomes of refunds (wechat.md 5.13)."""

import base64
import secrets
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1

from tests.simulator.support import Json, Merchant, Shop, Simulator, eventually

ROOT = "/v3/profitsharing"
PARTNER = "1900000109"


@pytest.fixture(autouse=True)
async def quick(simulator: Simulator) -> None:
    """Shares are possible at once and settle at once, unless a test says otherwise."""
    rules = {"share_possible_after_seconds": 0, "share_settles_after_seconds": 0}
    await simulator.control("PUT", "/rules", rules)


async def test_a_share_goes_to_its_receivers_and_the_rest_is_unfrozen(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid = await frozen(merchant)
    assert await unsplit_fen(merchant, paid) == 9_920
    assert (await funds(merchant))["balance_fen"] == 9_920
    share = share_of(merchant, paid, (PARTNER, 1_000), (merchant.openid, 500))
    accepted = await merchant.call("POST", f"{ROOT}/orders", share)
    assert accepted.status_code == 200
    assert merchant.signed_by_public_key(accepted)
    assert [part["result"] for part in accepted.json()["receivers"]] == ["PENDING", "PENDING"]
    done = await finished(merchant, paid, share["out_order_no"])
    assert [(part["account"], part["amount"], part["result"]) for part in done["receivers"]] == [
        (PARTNER, 1_000, "SUCCESS"),
        (merchant.openid, 500, "SUCCESS"),
    ]
    assert await unsplit_fen(merchant, paid) == 8_420
    unfreeze = unfreeze_of(paid)
    assert (await merchant.call("POST", f"{ROOT}/orders/unfreeze", unfreeze)).status_code == 200
    done = await finished(merchant, paid, unfreeze["out_order_no"])
    assert [(part["account"], part["amount"]) for part in done["receivers"]] == [(merchant.mchid, 8_420)]
    assert await unsplit_fen(merchant, paid) == 0
    assert await funds(merchant) == {"balance_fen": 8_420, "shared_fen": -1_500, "returned_fen": 0}


async def test_the_same_numbers_again_are_the_same(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid = await frozen(merchant)
    share, unfreeze = share_of(merchant, paid, (PARTNER, 1_000)), unfreeze_of(paid)
    first = (await merchant.call("POST", f"{ROOT}/orders", share)).json()
    again = (await merchant.call("POST", f"{ROOT}/orders", share)).json()
    assert again["order_id"] == first["order_id"]
    other = {**share, "receivers": [{**share["receivers"][0], "amount": 999}]}
    assert await refusal(merchant, "orders", other) == (400, "INVALID_REQUEST")
    await finished(merchant, paid, share["out_order_no"])
    first = (await merchant.call("POST", f"{ROOT}/orders/unfreeze", unfreeze)).json()
    again = (await merchant.call("POST", f"{ROOT}/orders/unfreeze", unfreeze)).json()
    assert again["order_id"] == first["order_id"]
    back = return_of(share)
    first = (await merchant.call("POST", f"{ROOT}/return-orders", back)).json()
    again = (await merchant.call("POST", f"{ROOT}/return-orders", back)).json()
    assert again["return_id"] == first["return_id"]
    assert await refusal(merchant, "return-orders", {**back, "amount": 1}) == (400, "INVALID_REQUEST")
    await returned(merchant, back)
    assert await funds(merchant) == {"balance_fen": 9_920, "shared_fen": -1_000, "returned_fen": 1_000}


async def test_what_breaks_a_rule_is_refused(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid, ordinary = await frozen(merchant), await transaction_of(merchant, await merchant.paid())
    share = share_of(merchant, paid, (PARTNER, 1_000))
    wrong: list[tuple[str, Json, tuple[int, str]]] = [
        ("orders", share_of(merchant, ordinary, (PARTNER, 1)), (400, "INVALID_REQUEST")),
        ("orders", share_of(merchant, "4200", (PARTNER, 1)), (404, "RESOURCE_NOT_EXISTS")),
        ("orders", share_of(merchant, paid, (PARTNER, 2_995)), (403, "RULE_LIMIT")),
        ("orders", share_of(merchant, paid, (PARTNER, 0)), (400, "PARAM_ERROR")),
        ("orders", share_of(merchant, paid), (400, "PARAM_ERROR")),
        ("orders", share_of(merchant, paid, *[(PARTNER, 1)] * 51), (400, "PARAM_ERROR")),
        ("orders", {**share, "appid": "wx0"}, (400, "APPID_MCHID_NOT_MATCH")),
        ("orders", {**share, "surprise": 1}, (400, "PARAM_ERROR")),
        ("orders/unfreeze", unfreeze_of(ordinary), (400, "INVALID_REQUEST")),
        ("return-orders", return_of(share), (404, "RESOURCE_NOT_EXISTS")),
    ]
    for path, content, expected in wrong:
        assert await refusal(merchant, path, content) == expected, content
    missing = await merchant.call("GET", f"{ROOT}/orders/UNKNOWN?transaction_id={paid}")
    assert (missing.status_code, missing.json()["code"]) == (404, "RESOURCE_NOT_EXISTS")
    assert await unsplit_fen(merchant, paid) == 9_920


async def test_nothing_is_shared_in_the_first_minute_nor_after_thirty_days(merchant: Merchant) -> None:
    await add_receivers(merchant)
    await merchant.simulator.control("PUT", "/rules", {"share_possible_after_seconds": 60})
    paid = await frozen(merchant)
    assert await refusal(merchant, "orders", share_of(merchant, paid, (PARTNER, 1))) == (
        400,
        "INVALID_REQUEST",
    )
    await later(merchant, days=30)
    assert await unsplit_fen(merchant, paid) == 0
    assert await refusal(merchant, "orders", share_of(merchant, paid, (PARTNER, 1))) == (
        400,
        "INVALID_REQUEST",
    )
    assert await refusal(merchant, "orders/unfreeze", unfreeze_of(paid)) == (400, "INVALID_REQUEST")


async def test_fifty_shares_are_taken_and_the_ratio_counts_all_of_them(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid = await frozen(merchant)
    for _ in range(50):
        share = share_of(merchant, paid, (PARTNER, 1))
        assert (await merchant.call("POST", f"{ROOT}/orders", share)).status_code == 200
    assert await refusal(merchant, "orders", share_of(merchant, paid, (PARTNER, 1))) == (
        400,
        "INVALID_REQUEST",
    )
    other = await frozen(merchant)
    first, second = (share_of(merchant, other, (PARTNER, amount)) for amount in (2_000, 995))
    assert (await merchant.call("POST", f"{ROOT}/orders", first)).status_code == 200
    assert await refusal(merchant, "orders", second) == (403, "RULE_LIMIT")


async def test_who_was_not_added_or_is_blocked_gets_nothing(merchant: Merchant) -> None:
    await add_receivers(merchant)
    await merchant.simulator.control("PUT", "/rules", {"share_fails_for": {PARTNER: "ACCOUNT_ABNORMAL"}})
    paid = await frozen(merchant)
    share = share_of(merchant, paid, (PARTNER, 100), ("1900000222", 200), (merchant.openid, 300))
    await merchant.call("POST", f"{ROOT}/orders", share)
    done = await finished(merchant, paid, share["out_order_no"])
    assert [(part["result"], part.get("fail_reason")) for part in done["receivers"]] == [
        ("CLOSED", "ACCOUNT_ABNORMAL"),
        ("CLOSED", "NO_RELATION"),
        ("SUCCESS", None),
    ]
    assert await unsplit_fen(merchant, paid) == 9_620


async def test_a_share_settles_later_and_keeps_the_rest_from_being_unfrozen(merchant: Merchant) -> None:
    await add_receivers(merchant)
    await merchant.simulator.control("PUT", "/rules", {"share_settles_after_seconds": 60})
    paid = await frozen(merchant)
    share = share_of(merchant, paid, (PARTNER, 100))
    await merchant.call("POST", f"{ROOT}/orders", share)
    assert await refusal(merchant, "orders/unfreeze", unfreeze_of(paid)) == (400, "INVALID_REQUEST")
    assert await refusal(merchant, "return-orders", {**return_of(share), "amount": 1}) == (
        400,
        "INVALID_REQUEST",
    )
    assert (await funds(merchant))["shared_fen"] == 0
    await merchant.simulator.advance(60)
    await finished(merchant, paid, share["out_order_no"])
    assert (await funds(merchant))["shared_fen"] == -100


async def test_shares_and_frozen_money_outlive_the_process(keys: Path, tmp_path: Path, shop: Shop) -> None:
    folder = tmp_path / "again"
    shutil.copytree(keys, folder)
    async with Simulator(folder) as first, Merchant(first, shop) as merchant:
        rules = {"share_possible_after_seconds": 0, "share_settles_after_seconds": 60}
        await first.control("PUT", "/rules", rules)
        await add_receivers(merchant)
        paid = await frozen(merchant)
        share = share_of(merchant, paid, (PARTNER, 100))
        await merchant.call("POST", f"{ROOT}/orders", share)
        before = await first.control("GET", "/books")
    async with Simulator(folder) as second, Merchant(second, shop) as merchant:
        after = await second.control("GET", "/books")
        for name in ("frozen", "share_receivers", "share_orders", "shares"):
            assert after[name] == before[name]
        await second.advance(60)
        done = await finished(merchant, paid, share["out_order_no"])
        assert [part["result"] for part in done["receivers"]] == ["SUCCESS"]


async def test_a_last_share_unfreezes_the_rest_itself(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid = await frozen(merchant)
    share = {**share_of(merchant, paid, (PARTNER, 100)), "unfreeze_unsplit": True}
    await merchant.call("POST", f"{ROOT}/orders", share)
    done = await finished(merchant, paid, share["out_order_no"])
    assert [(part["account"], part["amount"]) for part in done["receivers"]] == [
        (PARTNER, 100),
        (merchant.mchid, 9_820),
    ]
    assert await refusal(merchant, "orders", share_of(merchant, paid, (PARTNER, 1))) == (
        400,
        "INVALID_REQUEST",
    )


async def test_only_merchants_return_at_most_what_they_got_within_180_days(merchant: Merchant) -> None:
    await add_receivers(merchant)
    paid = await frozen(merchant)
    share = share_of(merchant, paid, (PARTNER, 1_000), (merchant.openid, 500))
    await merchant.call("POST", f"{ROOT}/orders", share)
    await finished(merchant, paid, share["out_order_no"])
    for wrong in (
        {**return_of(share), "amount": 1_001},
        {**return_of(share), "return_mchid": merchant.openid[:28]},
        {**return_of(share), "return_mchid": merchant.mchid},
    ):
        assert await refusal(merchant, "return-orders", wrong) == (400, "INVALID_REQUEST")
    some = {**return_of(share), "amount": 400}
    await merchant.call("POST", f"{ROOT}/return-orders", some)
    await returned(merchant, some)
    assert await refusal(merchant, "return-orders", {**return_of(share), "amount": 601}) == (
        400,
        "INVALID_REQUEST",
    )
    await merchant.simulator.control("PUT", "/rules", {"share_return_fails_as": "BALANCE_NOT_ENOUGH"})
    failing = {**return_of(share), "amount": 600}
    await merchant.call("POST", f"{ROOT}/return-orders", failing)
    answer = await returned(merchant, failing)
    assert (answer["result"], answer["fail_reason"]) == ("FAILED", "BALANCE_NOT_ENOUGH")
    assert (await funds(merchant))["returned_fen"] == 400
    await later(merchant, days=181)
    assert await refusal(merchant, "return-orders", {**return_of(share), "amount": 600}) == (
        400,
        "INVALID_REQUEST",
    )


async def test_a_refund_takes_frozen_money_of_its_own_order_but_not_of_others(merchant: Merchant) -> None:
    await add_receivers(merchant)
    number = await merchant.paid(settle_info={"profit_sharing": True})
    paid = await transaction_of(merchant, number)
    await frozen(merchant)
    withdrawal = await merchant.simulator.refused("POST", "/withdrawals", {"amount_fen": 1})
    assert withdrawal.status_code == 409
    share = share_of(merchant, paid, (PARTNER, 1_000))
    await merchant.call("POST", f"{ROOT}/orders", share)
    await finished(merchant, paid, share["out_order_no"])
    whole = merchant.refund_of(number, amount={"refund": 9_980, "total": 9_980, "currency": "CNY"})
    refused = await merchant.refund(whole)
    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ENOUGH")
    back = return_of(share)
    await merchant.call("POST", f"{ROOT}/return-orders", back)
    await returned(merchant, back)
    assert (await merchant.refund(whole)).status_code == 200
    assert await unsplit_fen(merchant, paid) == 0


async def test_a_refund_before_the_share_shrinks_what_can_be_shared(merchant: Merchant) -> None:
    await add_receivers(merchant)
    number = await merchant.paid(settle_info={"profit_sharing": True})
    paid = await transaction_of(merchant, number)
    most = {"refund": 9_000, "total": 9_980, "currency": "CNY"}
    assert (await merchant.refund(merchant.refund_of(number, amount=most))).status_code == 200
    left_fen = await unsplit_fen(merchant, paid)
    assert left_fen == 9_980 - 60 - (9_000 - 54)
    assert await refusal(merchant, "orders", share_of(merchant, paid, (PARTNER, left_fen + 1))) == (
        403,
        "NOT_ENOUGH",
    )
    share = share_of(merchant, paid, (PARTNER, left_fen))
    assert (await merchant.call("POST", f"{ROOT}/orders", share)).status_code == 200


async def test_receivers_are_added_and_deleted_as_often_as_one_likes(merchant: Merchant) -> None:
    await add_receivers(merchant)
    await add_receivers(merchant)
    unnamed = {"appid": merchant.appid, "type": "MERCHANT_ID", "account": "1900000333"}
    assert await refusal(merchant, "receivers/add", {**unnamed, "relation_type": "PARTNER"}) == (
        400,
        "PARAM_ERROR",
    )
    clear = {**unnamed, "relation_type": "PARTNER", "name": "not sealed"}
    assert await refusal(merchant, "receivers/add", clear) == (400, "PARAM_ERROR")
    nobody = {**unnamed, "type": "PERSONAL_OPENID", "account": "oNobody", "relation_type": "USER"}
    assert await refusal(merchant, "receivers/add", nobody) == (400, "INVALID_REQUEST")
    partner = {"appid": merchant.appid, "type": "MERCHANT_ID", "account": PARTNER}
    for _ in range(2):
        answer = await merchant.call("POST", f"{ROOT}/receivers/delete", partner)
        assert (answer.status_code, answer.json()["account"]) == (200, PARTNER)
    books = await merchant.simulator.control("GET", "/books")
    assert [each["account"] for each in books["share_receivers"]] == [merchant.openid]


async def add_receivers(merchant: Merchant) -> None:
    """A partner merchant and a person, ready to receive."""
    for type_, account, name in (
        ("MERCHANT_ID", PARTNER, "云上咖啡有限公司"),
        ("PERSONAL_OPENID", merchant.openid, None),
    ):
        content = {
            "appid": merchant.appid,
            "type": type_,
            "account": account,
            "relation_type": "CUSTOM",
            "custom_relation": "合伙人",
        }
        if name:
            content["name"] = sealed(merchant, name)
        headers = {"Wechatpay-Serial": merchant.public_key_id}
        answer = await merchant.call("POST", f"{ROOT}/receivers/add", content, headers=headers)
        assert answer.status_code == 200, answer.text


def sealed(merchant: Merchant, text: str) -> str:
    assert isinstance(merchant.public_key, RSAPublicKey)
    padding = OAEP(mgf=MGF1(algorithm=SHA1()), algorithm=SHA1(), label=None)
    return base64.b64encode(merchant.public_key.encrypt(text.encode(), padding)).decode()


async def frozen(merchant: Merchant) -> str:
    """The transaction of a payment of 99.80 yuan whose money waits for sharing."""
    return await transaction_of(merchant, await merchant.paid(settle_info={"profit_sharing": True}))


async def transaction_of(merchant: Merchant, out_trade_no: str) -> str:
    return str((await merchant.query(out_trade_no)).json()["transaction_id"])


def share_of(merchant: Merchant, transaction_id: str, *parts: tuple[str, int]) -> Json:
    return {
        "appid": merchant.appid,
        "transaction_id": transaction_id,
        "out_order_no": "PS" + secrets.token_hex(10),
        "receivers": [
            {
                "type": "PERSONAL_OPENID" if account == merchant.openid else "MERCHANT_ID",
                "account": account,
                "amount": amount_fen,
                "description": "分润",
            }
            for account, amount_fen in parts
        ],
        "unfreeze_unsplit": False,
    }


def unfreeze_of(transaction_id: str) -> Json:
    number = "UF" + secrets.token_hex(10)
    return {"transaction_id": transaction_id, "out_order_no": number, "description": "解冻全部剩余资金"}


def return_of(share: Json) -> Json:
    return {
        "out_order_no": share["out_order_no"],
        "out_return_no": "BK" + secrets.token_hex(10),
        "return_mchid": PARTNER,
        "amount": 1_000,
        "description": "用户退款",
    }


async def refusal(merchant: Merchant, path: str, content: Json) -> tuple[int, str]:
    headers = {"Wechatpay-Serial": merchant.public_key_id}
    answer = await merchant.call("POST", f"{ROOT}/{path}", content, headers=headers)
    return answer.status_code, answer.json()["code"]


async def finished(merchant: Merchant, transaction_id: str, out_order_no: str) -> Json:
    path = f"{ROOT}/orders/{out_order_no}?transaction_id={transaction_id}"
    return await settled(merchant, path, lambda answer: answer["state"] == "FINISHED")


async def returned(merchant: Merchant, asked: Json) -> Json:
    path = f"{ROOT}/return-orders/{asked['out_return_no']}?out_order_no={asked['out_order_no']}"
    return await settled(merchant, path, lambda answer: answer["result"] != "PROCESSING")


async def settled(merchant: Merchant, path: str, is_settled: Any) -> Json:
    answer: httpx.Response | None = None

    async def holds() -> bool:
        nonlocal answer
        answer = await merchant.call("GET", path)
        return bool(is_settled(answer.json()))

    await eventually(holds)
    assert answer is not None
    return dict(answer.json())


async def unsplit_fen(merchant: Merchant, transaction_id: str) -> int:
    answer = await merchant.call("GET", f"{ROOT}/transactions/{transaction_id}/amounts")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["unsplit_amount"])


async def funds(merchant: Merchant) -> dict[str, int]:
    books = await merchant.simulator.control("GET", "/books")
    moved = dict.fromkeys(("分账", "分账回退"), 0)
    for each in books["funds"]:
        if each["business"] in moved:
            moved[each["business"]] += each["amount_fen"]
    return {
        "balance_fen": books["totals"]["balance_fen"],
        "shared_fen": moved["分账"],
        "returned_fen": moved["分账回退"],
    }


async def later(merchant: Merchant, *, days: int) -> None:
    clock = {"advance_seconds": days * 86_400 + 1, "signatures": "system"}
    await merchant.simulator.control("PUT", "/clock", clock)
