"""`wechatpayv3`, written by others for the real platform, works with the simulator end to end."""

import asyncio
import json
from collections.abc import Callable

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.simulator.support import Json, Merchant, Shop, eventually


@pytest.fixture(params=["public_key", "certificate"])
async def oracle(request: pytest.FixtureRequest, merchant: Merchant) -> WeChatPay:
    await merchant.simulator.control("PUT", "/verification-mode", {"mode": request.param})
    library = WeChatPay(
        WeChatPayType.MINIPROG,
        merchant.mchid,
        merchant.private_pem,
        merchant.serial_no,
        merchant.appid,
        merchant.apiv3_key,
        notify_url=merchant.shop.notify_url,
        timeout=(5, 5),
        public_key=merchant.public_pem,
        public_key_id=merchant.public_key_id,
    )
    library._core._gate_way = merchant.simulator.url
    return library


async def test_a_whole_trade_through_the_library(oracle: WeChatPay, merchant: Merchant, shop: Shop) -> None:
    number, refund = "ORACLE0001", "ORACLERF0001"
    amount = {"total": 9980, "currency": "CNY"}
    prepared = await called(
        oracle.pay,
        description="咖啡豆",
        out_trade_no=number,
        amount=amount,
        payer={"openid": merchant.openid},
    )
    asked = oracle.sign([merchant.appid, "1767283866", "nonce", f"prepay_id={prepared['prepay_id']}"])
    request_payment = {
        "timeStamp": "1767283866",
        "nonceStr": "nonce",
        "package": f"prepay_id={prepared['prepay_id']}",
        "signType": "RSA",
        "paySign": asked,
    }
    paid = await merchant.simulator.control(
        "POST", f"/payments/{number}/pay", {"request_payment": request_payment}
    )
    assert await called(oracle.query, out_trade_no=number) == paid
    assert await called(oracle.query, transaction_id=paid["transaction_id"]) == paid
    amount = {"refund": 9980, "total": 9980, "currency": "CNY"}
    await called(
        oracle.refund, out_refund_no=refund, out_trade_no=number, amount=amount, notify_url=shop.notify_url
    )
    payment_notice, refund_notice = await shop.wait(2)
    for notice, event in ((payment_notice, "TRANSACTION.SUCCESS"), (refund_notice, "REFUND.SUCCESS")):
        read = await asyncio.to_thread(oracle.callback, notice.headers, notice.body)
        assert (read["event_type"], read["resource"]["out_trade_no"]) == (event, number)
    assert (await called(oracle.query_refund, out_refund_no=refund))["status"] == "SUCCESS"


async def test_an_order_is_closed_through_the_library(oracle: WeChatPay, merchant: Merchant) -> None:
    number, _ = await merchant.prepay()
    status, text = await asyncio.to_thread(oracle.close, out_trade_no=number)
    assert (status, len(text)) == (204, 0)
    assert (await called(oracle.query, out_trade_no=number))["trade_state"] == "CLOSED"


async def test_profit_is_shared_and_taken_back_through_the_library(
    oracle: WeChatPay, merchant: Merchant
) -> None:
    rules = {"share_possible_after_seconds": 0, "share_settles_after_seconds": 0}
    await merchant.simulator.control("PUT", "/rules", rules)
    partner = {"account_type": "MERCHANT_ID", "account": "1900000109"}
    relation = {"relation_type": "CUSTOM", "custom_relation": "合伙人", "name": "云上咖啡有限公司"}
    await called(oracle.profitsharing_add_receiver, **partner, **relation)
    number = await merchant.paid(settle_info={"profit_sharing": True})
    paid = (await called(oracle.query, out_trade_no=number))["transaction_id"]
    left = await called(oracle.profitsharing_amount_query, transaction_id=paid)
    assert left == {"transaction_id": paid, "unsplit_amount": 9_920}
    part = {"type": "MERCHANT_ID", "account": "1900000109", "amount": 888, "description": "分润"}
    share = {"transaction_id": paid, "out_order_no": "ORACLEPS1"}
    await called(oracle.profitsharing_order, **share, receivers=[part], unfreeze_unsplit=False)
    await settled(oracle.profitsharing_order_query, {"state": "FINISHED"}, **share)
    rest = {"transaction_id": paid, "out_order_no": "ORACLEUF1"}
    await called(oracle.profitsharing_unfreeze, **rest, description="解冻全部剩余资金")
    await settled(oracle.profitsharing_order_query, {"state": "FINISHED"}, **rest)
    back = {"out_return_no": "ORACLEBK1", "out_order_no": "ORACLEPS1"}
    wish = {"return_mchid": "1900000109", "amount": 888, "description": "用户退款"}
    await called(oracle.profitsharing_return, **back, **wish)
    await settled(oracle.profitsharing_return_query, {"result": "SUCCESS", "amount": 888}, **back)
    await called(oracle.profitsharing_delete_receiver, **partner)


async def settled(function: Callable[..., tuple[int, str]], wanted: Json, **arguments: object) -> None:
    async def holds() -> bool:
        answer = await called(function, **arguments)
        return {name: answer[name] for name in wanted} == wanted

    await eventually(holds)


async def called(function: Callable[..., tuple[int, str]], **arguments: object) -> Json:
    status, text = await asyncio.to_thread(function, **arguments)
    assert status == 200, text
    return json.loads(text)  # type: ignore[no-any-return]
