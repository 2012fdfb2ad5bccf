"""Refunds: limits, idempotence, settlement, money (wechat.md 5.10)."""

import json
from typing import Any

from wechatpayv3.utils import rsa_encrypt

from tests.simulator.support import Json, Merchant, Shop, eventually

QUICK: Json = {"refund_interval_seconds": 0}


async def test_a_refund_is_accepted_settles_and_is_told(merchant: Merchant, shop: Shop) -> None:
    number = await merchant.paid(coupon_fen=500)
    asked = merchant.refund_of(number)
    accepted = await merchant.refund(asked)
    assert accepted.status_code == 200
    assert merchant.signed_by_public_key(accepted)
    answer = accepted.json()
    assert answer["status"] == "PROCESSING"
    assert "success_time" not in answer
    assert answer["amount"]["payer_refund"] == 4740
    assert answer["amount"]["discount_refund"] == 250
    assert (await merchant.query(number)).json()["trade_state"] == "REFUND"
    plain = merchant.opened((await shop.wait(2))[1])
    settled = (await refund_query(merchant, asked["out_refund_no"])).json()
    assert settled["status"] == "SUCCESS"
    assert plain == {
        "mchid": merchant.mchid,
        "out_trade_no": number,
        "transaction_id": answer["transaction_id"],
        "out_refund_no": asked["out_refund_no"],
        "refund_id": answer["refund_id"],
        "refund_status": "SUCCESS",
        "success_time": settled["success_time"],
        "user_received_account": "支付用户零钱",
        "amount": {"total": 9980, "refund": 4990, "payer_total": 9480, "payer_refund": 4740},
    }


async def test_the_same_refund_again_is_the_same_refund(merchant: Merchant) -> None:
    number = await merchant.paid()
    asked = merchant.refund_of(number)
    first = (await merchant.refund(asked)).json()
    again = await merchant.refund(asked)
    assert again.status_code == 200
    assert again.json()["refund_id"] == first["refund_id"]
    other = await merchant.refund({**asked, "amount": {"refund": 1, "total": 9980, "currency": "CNY"}})
    assert (other.status_code, other.json()["code"]) == (400, "INVALID_REQUEST")
    books = await merchant.simulator.control("GET", "/books")
    assert [row["refund_fen"] for row in books["refunds"]] == [4990]


async def test_refunds_may_not_exceed_what_was_paid(merchant: Merchant) -> None:
    await merchant.simulator.control("PUT", "/rules", QUICK)
    number = await merchant.paid()
    assert (await merchant.refund(merchant.refund_of(number))).status_code == 200
    over = merchant.refund_of(number, amount={"refund": 4991, "total": 9980, "currency": "CNY"})
    refused = await merchant.refund(over)
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_REQUEST")
    assert (await merchant.refund(merchant.refund_of(number))).status_code == 200
    totals = (await merchant.simulator.control("GET", "/books"))["totals"]
    assert totals["refunds"] == 2


async def test_partial_refunds_keep_a_minute_between_them(merchant: Merchant) -> None:
    number = await merchant.paid()
    await merchant.refund(merchant.refund_of(number))
    soon = await merchant.refund(merchant.refund_of(number))
    assert (soon.status_code, soon.json()["code"]) == (429, "FREQUENCY_LIMITED")
    await merchant.simulator.advance(60)
    assert (await merchant.refund(merchant.refund_of(number))).status_code == 200


async def test_an_order_takes_fifty_refunds(merchant: Merchant) -> None:
    await merchant.simulator.control("PUT", "/rules", QUICK)
    number = await merchant.paid(amount={"total": 51, "currency": "CNY"})
    amount = {"refund": 1, "total": 51, "currency": "CNY"}
    for _ in range(50):
        assert (await merchant.refund(merchant.refund_of(number, amount=amount))).status_code == 200
    answer = await merchant.refund(merchant.refund_of(number, amount=amount))
    assert (answer.status_code, answer.json()["message"]) == (400, "订单退款次数超过50次")


async def test_what_cannot_be_refunded_is_refused(merchant: Merchant) -> None:
    paid, (unpaid, _) = await merchant.paid(), await merchant.prepay()
    wrong: list[tuple[dict[str, Any], int, str]] = [
        (merchant.refund_of(unpaid), 400, "INVALID_REQUEST"),
        (merchant.refund_of("NOSUCHORDER"), 404, "RESOURCE_NOT_EXISTS"),
        (
            merchant.refund_of(paid, amount={"refund": 1, "total": 1, "currency": "CNY"}),
            400,
            "INVALID_REQUEST",
        ),
        (
            merchant.refund_of(paid, amount={"refund": 0, "total": 9980, "currency": "CNY"}),
            400,
            "PARAM_ERROR",
        ),
        (merchant.refund_of(paid, amount={"refund": 1, "total": 9980}), 400, "PARAM_ERROR"),
        (merchant.refund_of(paid, out_refund_no="has space"), 400, "PARAM_ERROR"),
        (merchant.refund_of(paid, surprise=1), 400, "PARAM_ERROR"),
        ({k: v for k, v in merchant.refund_of(paid).items() if k != "out_trade_no"}, 400, "PARAM_ERROR"),
        (merchant.refund_of(unpaid, transaction_id="4200"), 404, "RESOURCE_NOT_EXISTS"),
    ]
    for asked, status, code in wrong:
        answer = await merchant.refund(asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code), asked
    unknown = await refund_query(merchant, "RFUNKNOWN")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "RESOURCE_NOT_EXISTS")
    assert (await merchant.query(paid)).json()["trade_state"] == "SUCCESS"


async def test_after_a_year_no_refund_is_possible(merchant: Merchant) -> None:
    number = await merchant.paid()
    year = {"advance_seconds": 365 * 86_400 + 1, "signatures": "system"}
    await merchant.simulator.control("PUT", "/clock", year)
    answer = await merchant.refund(merchant.refund_of(number))
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_without_money_a_refund_waits_for_a_top_up(merchant: Merchant) -> None:
    number = await merchant.paid()
    await merchant.simulator.control("POST", "/withdrawals", {"amount_fen": 9000})
    asked = merchant.refund_of(number)
    refused = await merchant.refund(asked)
    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ENOUGH")
    assert (await merchant.query(number)).json()["trade_state"] == "SUCCESS"
    await merchant.simulator.control("POST", "/top-ups", {"amount_fen": 9000})
    assert (await merchant.refund(asked)).status_code == 200


async def test_refunds_in_parts_give_back_the_whole_fee_and_all_the_payer_paid(merchant: Merchant) -> None:
    await merchant.simulator.control("PUT", "/rules", QUICK)
    number = await merchant.paid(coupon_fen=333)
    for part in (3333, 3333, 3314):
        amount = {"refund": part, "total": 9980, "currency": "CNY"}
        assert (await merchant.refund(merchant.refund_of(number, amount=amount))).status_code == 200
    books = await merchant.simulator.control("GET", "/books")
    assert sum(row["payer_refund_fen"] for row in books["refunds"]) == 9980 - 333
    assert sum(row["fee_back_fen"] for row in books["refunds"]) == 60
    assert books["totals"]["balance_fen"] == 0


async def test_a_refund_settles_by_hand_when_told_so(merchant: Merchant, shop: Shop) -> None:
    await merchant.simulator.control("PUT", "/rules", {"refund_settles_after_seconds": None, **QUICK})
    number = await merchant.paid()
    balance_fen = (await merchant.simulator.control("GET", "/books"))["totals"]["balance_fen"]
    asked = merchant.refund_of(number)
    await merchant.refund(asked)
    await merchant.simulator.advance(3600)
    path = f"/refunds/{asked['out_refund_no']}/settle"
    for_real = await merchant.simulator.control("POST", path, {"status": "CLOSED"})
    assert for_real["status"] == "CLOSED"
    assert (await merchant.simulator.refused("POST", path, {"status": "SUCCESS"})).status_code == 409
    body = json.loads((await shop.wait(2))[1].body)
    assert (body["event_type"], body["summary"]) == ("REFUND.CLOSED", "退款关闭")
    totals = (await merchant.simulator.control("GET", "/books"))["totals"]
    assert (totals["balance_fen"], totals["refunds"]) == (balance_fen, 0)
    whole = merchant.refund_of(number, amount={"refund": 9980, "total": 9980, "currency": "CNY"})
    await merchant.simulator.control("PUT", "/clock", {"offset_seconds": 0})
    assert (await merchant.refund(whole)).status_code == 200


async def test_an_abnormal_refund_is_told_as_such(merchant: Merchant, shop: Shop) -> None:
    rules = {"refund_settles_as": "ABNORMAL", "refund_settles_after_seconds": 0}
    await merchant.simulator.control("PUT", "/rules", rules)
    number = await merchant.paid()
    asked = merchant.refund_of(number)
    await merchant.refund(asked)
    await shop.wait(2)
    assert merchant.opened(shop.received[1])["refund_status"] == "ABNORMAL"

    async def abnormal() -> bool:
        return bool((await refund_query(merchant, asked["out_refund_no"])).json()["status"] == "ABNORMAL")

    await eventually(abnormal)


async def abnormal(merchant: Merchant) -> Json:
    """A refund that could not be paid to where the money came from; what settles next is told by hand."""
    rules = {"refund_settles_as": "ABNORMAL", "refund_settles_after_seconds": 0}
    await merchant.simulator.control("PUT", "/rules", rules)
    asked = merchant.refund_of(await merchant.paid())
    accepted: Json = (await merchant.refund(asked)).json()

    async def settled() -> bool:
        return bool((await refund_query(merchant, asked["out_refund_no"])).json()["status"] == "ABNORMAL")

    await eventually(settled)
    await merchant.simulator.control("PUT", "/rules", {"refund_settles_after_seconds": None})
    return accepted


def bank_card(merchant: Merchant, refund: Json, **changes: Any) -> Json:
    def sealed(text: str) -> str:
        return str(rsa_encrypt(text, merchant.public_key))

    return {
        "out_refund_no": refund["out_refund_no"],
        "type": "USER_BANK_CARD",
        "bank_type": "CMB_DEBIT",
        "bank_account": sealed("6225880137000000"),
        "real_name": sealed("王小明"),
        **changes,
    }


async def redirect(merchant: Merchant, refund: Json, wish: Json, *, serial: str | None = None) -> Any:
    path = f"/v3/refund/domestic/refunds/{refund['refund_id']}/apply-abnormal-refund"
    return await merchant.call(
        "POST", path, wish, headers={"Wechatpay-Serial": serial or merchant.public_key_id}
    )


async def test_an_abnormal_refund_is_paid_to_a_bank_card(merchant: Merchant) -> None:
    refund = await abnormal(merchant)
    wish = bank_card(merchant, refund)
    for _ in range(2):
        accepted = await redirect(merchant, refund, wish)
        assert (accepted.status_code, accepted.json()["status"]) == (200, "PROCESSING")
        assert accepted.json()["user_received_account"] == "CMB_DEBIT0000"
    await merchant.simulator.control(
        "POST", f"/refunds/{refund['out_refund_no']}/settle", {"status": "SUCCESS"}
    )
    done = (await refund_query(merchant, refund["out_refund_no"])).json()
    assert (done["status"], done["channel"]) == ("SUCCESS", "OTHER_BANKCARD")
    late = await redirect(merchant, refund, wish)
    assert (late.status_code, late.json()["code"]) == (400, "INVALID_REQUEST")


async def test_an_abnormal_refund_is_paid_to_the_merchant_and_may_become_abnormal_again(
    merchant: Merchant,
) -> None:
    refund = await abnormal(merchant)
    wish = {"out_refund_no": refund["out_refund_no"], "type": "MERCHANT_BANK_CARD"}
    accepted = (await redirect(merchant, refund, wish)).json()
    assert (accepted["status"], accepted["user_received_account"]) == ("PROCESSING", "商户结算银行账户")
    await merchant.simulator.control(
        "POST", f"/refunds/{refund['out_refund_no']}/settle", {"status": "ABNORMAL"}
    )
    assert (await redirect(merchant, refund, bank_card(merchant, refund))).status_code == 200


async def test_what_was_not_sealed_for_the_platform_is_refused(merchant: Merchant) -> None:
    refund = await abnormal(merchant)
    for changes in ({"bank_account": "6225880137000000"}, {"real_name": None}, {"bank_type": None}):
        wish = {name: each for name, each in bank_card(merchant, refund, **changes).items() if each}
        refused = await redirect(merchant, refund, wish)
        assert (refused.status_code, refused.json()["code"]) == (400, "PARAM_ERROR"), changes
    other = await redirect(merchant, refund, bank_card(merchant, refund), serial="PUB_KEY_ID_099")
    assert other.json()["detail"]["field"] == "Wechatpay-Serial"
    unknown = await redirect(merchant, {**refund, "refund_id": "5"}, bank_card(merchant, refund))
    assert unknown.status_code == 404
    assert (await refund_query(merchant, refund["out_refund_no"])).json()["status"] == "ABNORMAL"


async def refund_query(merchant: Merchant, out_refund_no: str) -> Any:
    return await merchant.call("GET", f"/v3/refund/domestic/refunds/{out_refund_no}")
