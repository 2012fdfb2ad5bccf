"""What the client says to share profit, and what it makes of the answers (wechat.md 5.13)."""

import json
from typing import Any

import httpx
import pytest

from shared.wechat.encryption import oaep_decrypt
from shared.wechat.pay import (
    MalformedAnswer,
    NewReceiver,
    OutcomeUnknown,
    ReceiverType,
    ReturnResult,
    Share,
    ShareResult,
    ShareState,
    WeChatPayRefused,
)
from shared.wechat.pay.profit_sharing import ProfitSharing
from tests.unit.wechat.pay_edge import (
    CERTIFICATES_ONLY,
    NEXT_CERTIFICATE,
    NOW,
    PUBLIC_KEY_ID,
    SETTINGS,
    SIGNING_KEYS,
    Handler,
    ManualTime,
    PayEdge,
    answering,
    certificate_list,
    failing,
    refusal,
    sealed,
)

TRANSACTION = "4200002100202601021234567890"
ORDER: dict[str, Any] = {
    "transaction_id": TRANSACTION,
    "out_order_no": "PS1",
    "order_id": "3008450740201411110007820472",
    "state": "FINISHED",
    "receivers": [
        {
            "type": "MERCHANT_ID",
            "account": "1900000109",
            "amount": 888,
            "description": "分润",
            "result": "CLOSED",
            "fail_reason": "NO_RELATION",
            "finish_time": "2026-01-02T10:11:10+08:00",
        }
    ],
}
RETURN: dict[str, Any] = {
    "order_id": ORDER["order_id"],
    "out_order_no": "PS1",
    "out_return_no": "BK1",
    "return_id": "3008450740201411110007820473",
    "return_mchid": "1900000109",
    "amount": 888,
    "description": "退款",
    "result": "FAILED",
    "fail_reason": "BALANCE_NOT_ENOUGH",
}
PARTNER = NewReceiver(
    type=ReceiverType.MERCHANT_ID,
    account="1900000109",
    relation="CUSTOM",
    custom_relation="合伙人",
    name="云上咖啡",
)


def sharing(*handlers: Handler) -> tuple[ProfitSharing, PayEdge]:
    edge = PayEdge(*handlers)
    return edge.client(clock=ManualTime()).profit_sharing, edge


async def test_a_payment_is_frozen_for_sharing_only_when_it_is_told_so() -> None:
    edge = PayEdge(answering(sealed({"prepay_id": "wx1"})))
    client = edge.client(clock=ManualTime())
    order: dict[str, Any] = {
        "description": "咖啡豆",
        "total_fen": 9_980,
        "openid": "oA1",
        "notify_url": "https://shop.example.com/pay/notices",
        "time_expire": NOW,
    }
    await client.prepay("SH1", **order)
    await client.prepay("SH2", **order, shares_profit=True)
    plain, shared = (json.loads(request.content) for request in edge.requests)
    assert "settle_info" not in plain
    assert shared["settle_info"] == {"profit_sharing": True}


async def test_a_receivers_name_leaves_sealed_for_the_platforms_key() -> None:
    client, edge = sharing(answering(sealed({})))
    await client.add_receiver(PARTNER)
    [request] = edge.requests
    assert str(request.url) == "https://pay.test/v3/profitsharing/receivers/add"
    said = json.loads(request.content)
    assert oaep_decrypt(SIGNING_KEYS[PUBLIC_KEY_ID], said.pop("name")) == "云上咖啡"
    assert request.headers["Wechatpay-Serial"] == PUBLIC_KEY_ID
    assert said == {
        "appid": SETTINGS.appid,
        "type": "MERCHANT_ID",
        "account": "1900000109",
        "relation_type": "CUSTOM",
        "custom_relation": "合伙人",
    }
    assert "云上咖啡" not in repr(PARTNER)


async def test_in_certificate_mode_the_newest_certificate_seals_the_name() -> None:
    both = certificate_list("platform_certificate", "platform_certificate_next")
    edge = PayEdge(
        answering(sealed(both, serial=NEXT_CERTIFICATE)), answering(sealed({}, serial=NEXT_CERTIFICATE))
    )
    await edge.client(CERTIFICATES_ONLY, clock=ManualTime()).profit_sharing.add_receiver(PARTNER)
    request = edge.requests[-1]
    serial = request.headers["Wechatpay-Serial"]
    assert oaep_decrypt(SIGNING_KEYS[serial], json.loads(request.content)["name"]) == "云上咖啡"


async def test_a_person_needs_no_name() -> None:
    client, edge = sharing(answering(sealed({})))
    await client.add_receiver(NewReceiver(type=ReceiverType.PERSONAL_OPENID, account="oA1", relation="USER"))
    await client.delete_receiver(ReceiverType.PERSONAL_OPENID, "oA1")
    added, deleted = (json.loads(request.content) for request in edge.requests)
    assert added == {**deleted, "relation_type": "USER"}
    assert str(edge.requests[1].url) == "https://pay.test/v3/profitsharing/receivers/delete"


async def test_a_share_says_who_gets_what_and_keeps_the_rest_frozen() -> None:
    client, edge = sharing(answering(sealed(ORDER)))
    share = Share(type=ReceiverType.MERCHANT_ID, account="1900000109", amount_fen=888, description="分润")
    order = await client.share("PS1", transaction_id=TRANSACTION, shares=[share])
    assert json.loads(edge.requests[0].content) == {
        "appid": SETTINGS.appid,
        "transaction_id": TRANSACTION,
        "out_order_no": "PS1",
        "receivers": [{"type": "MERCHANT_ID", "account": "1900000109", "amount": 888, "description": "分润"}],
        "unfreeze_unsplit": False,
    }
    assert (order.state, order.order_id) == (ShareState.FINISHED, ORDER["order_id"])
    (part,) = order.receivers
    assert (part.amount_fen, part.result, part.fail_reason) == (888, ShareResult.CLOSED, "NO_RELATION")
    assert part.finished_at is not None
    assert part.finished_at.isoformat() == "2026-01-02T02:11:10+00:00"


async def test_queries_name_the_payment_and_know_what_is_unknown() -> None:
    client, edge = sharing(
        answering(sealed(ORDER)),
        answering(refusal(404, "RESOURCE_NOT_EXISTS")),
        answering(sealed(RETURN)),
        answering(refusal(404, "RESOURCE_NOT_EXISTS")),
        answering(sealed({"transaction_id": TRANSACTION, "unsplit_amount": 7})),
    )
    assert (await client.share_by_number("PS1", transaction_id=TRANSACTION)) is not None
    assert await client.share_by_number("PS1", transaction_id=TRANSACTION) is None
    back = await client.return_by_number("BK1", out_order_no="PS1")
    assert back is not None
    assert (back.result, back.fail_reason) == (ReturnResult.FAILED, "BALANCE_NOT_ENOUGH")
    assert await client.return_by_number("BK1", out_order_no="PS1") is None
    assert await client.unsplit_fen(TRANSACTION) == 7
    root = "https://pay.test/v3/profitsharing"
    assert [str(request.url) for request in edge.requests[::2]] == [
        f"{root}/orders/PS1?transaction_id={TRANSACTION}",
        f"{root}/return-orders/BK1?out_order_no=PS1",
        f"{root}/transactions/{TRANSACTION}/amounts",
    ]


async def test_unfreezing_and_taking_back_say_their_numbers() -> None:
    client, edge = sharing(answering(sealed({**ORDER, "out_order_no": "UF1"})), answering(sealed(RETURN)))
    await client.unfreeze("UF1", transaction_id=TRANSACTION, description="解冻")
    await client.take_back("BK1", out_order_no="PS1", mchid="1900000109", amount_fen=888, description="退款")
    unfreeze, back = (json.loads(request.content) for request in edge.requests)
    assert unfreeze == {"transaction_id": TRANSACTION, "out_order_no": "UF1", "description": "解冻"}
    assert back == {
        "out_order_no": "PS1",
        "out_return_no": "BK1",
        "return_mchid": "1900000109",
        "amount": 888,
        "description": "退款",
    }


@pytest.mark.parametrize(
    "answer",
    [
        {**ORDER, "out_order_no": "PS2"},
        {**ORDER, "state": "DONE"},
        {**ORDER, "receivers": [{**ORDER["receivers"][0], "amount": "888"}]},
        {name: value for name, value in ORDER.items() if name != "order_id"},
    ],
)
async def test_an_answer_that_is_not_about_this_share_is_not_believed(answer: dict[str, Any]) -> None:
    client, _ = sharing(answering(sealed(answer)))
    with pytest.raises(MalformedAnswer):
        await client.unfreeze("PS1", transaction_id=TRANSACTION, description="解冻")


async def test_a_return_about_another_number_is_not_believed() -> None:
    client, _ = sharing(answering(sealed(RETURN)))
    with pytest.raises(MalformedAnswer):
        await client.return_by_number("BK2", out_order_no="PS1")


async def test_failures_are_refusals_or_unknown_as_of_every_call() -> None:
    client, _ = sharing(
        answering(refusal(403, "RULE_LIMIT")),
        answering(refusal(500, "SYSTEM_ERROR")),
        failing(httpx.ReadTimeout("no answer")),
    )
    with pytest.raises(WeChatPayRefused) as refused:
        await client.share("PS1", transaction_id=TRANSACTION, shares=[])
    assert refused.value.code == "RULE_LIMIT"
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await client.share("PS1", transaction_id=TRANSACTION, shares=[])
