"""The checks at WeChat Pay's door, and their order (wechat.md 5.18)."""

import time

import httpx
from wechatpayv3.utils import build_authorization, rsa_sign

from tests.simulator.support import Merchant

JSAPI = "/v3/pay/transactions/jsapi"


async def test_unknown_paths_and_wrong_methods_answer_empty(merchant: Merchant) -> None:
    unknown = await merchant.client.get("/v3/pay/nothing")
    assert (unknown.status_code, unknown.content) == (404, b"")
    wrong = await merchant.client.get(JSAPI)
    assert (wrong.status_code, wrong.content) == (405, b"")


async def test_accept_and_user_agent_come_before_the_signature(merchant: Merchant) -> None:
    for missing in ("Accept", "User-Agent"):
        answer = await merchant.call(
            "POST", JSAPI, merchant.order(), headers={missing: "", "Authorization": ""}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
        assert answer.json()["message"] == "Http头缺少Accept或User-Agent"


async def test_every_way_to_be_unsigned_has_its_message(merchant: Merchant) -> None:
    right = build_authorization(JSAPI, "POST", merchant.mchid, merchant.serial_no, merchant.private_key)
    shape = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
    serial = "商户证书序列号有误。请使用签名私钥匹配的证书序列号"
    cases = [
        ("", "签名信息错误，验签失败"),
        ("Bearer x", "HTTP头Authorization认证类型不正确"),
        ("WECHATPAY2-SHA256-RSA2048 nonsense", shape),
        (right.replace(merchant.mchid, "1900000109"), serial),
        (right.replace(merchant.serial_no, "0" * 40), serial),
        (right, "签名错误"),
        (right.replace('signature="', 'signature="A'), "签名错误"),
    ]
    for header, message in cases:
        answer = await merchant.call("POST", JSAPI, merchant.order(), headers={"Authorization": header})
        assert (answer.status_code, answer.json()) == (401, {"code": "SIGN_ERROR", "message": message})
        assert answer.headers["Request-ID"].endswith("-268443699")


async def test_the_clock_is_checked_before_the_signature(merchant: Merchant) -> None:
    url = f"/v3/pay/transactions/out-trade-no/SH000001?mchid={merchant.mchid}"
    for age, expected in ((-290, 404), (290, 404), (-310, 401), (310, 401)):
        answer = await merchant.call(
            "GET", url, headers={"Authorization": authorization(merchant, url, age=age)}
        )
        assert answer.status_code == expected
    message = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
    stale = authorization(merchant, url, age=310).replace('signature="', 'signature="A')
    answer = await merchant.call("GET", url, headers={"Authorization": stale})
    assert answer.json()["message"] == message


async def test_the_signature_covers_the_path_as_it_came_over_the_wire(merchant: Merchant) -> None:
    await merchant.prepay(out_trade_no="SH|0001*x")
    wire = f"/v3/pay/transactions/out-trade-no/SH%7C0001*x?mchid={merchant.mchid}"
    assert (await merchant.call("GET", wire)).json()["out_trade_no"] == "SH|0001*x"
    decoded = authorization(merchant, wire.replace("%7C", "|"), age=0)
    refused = await merchant.call("GET", wire, headers={"Authorization": decoded})
    assert (refused.status_code, refused.json()["message"]) == (401, "签名错误")


async def test_the_body_is_checked_after_the_signature(merchant: Merchant) -> None:
    async with httpx.AsyncClient(base_url=merchant.simulator.url) as client:
        for body in (b"not json", b"[]"):
            headers = {
                "Authorization": authorization(merchant, JSAPI, age=0, method="POST", body=body.decode()),
                "Accept": "application/json",
                "User-Agent": "tests",
            }
            answer = await client.post(JSAPI, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")
    foreign = await merchant.call("POST", JSAPI, merchant.order(mchid="1900000109", surprise=1))
    assert foreign.json()["message"] == "http header中的mchid与post payload中的mchid不匹配"


def authorization(merchant: Merchant, url: str, *, age: int, method: str = "GET", body: str = "") -> str:
    stamp, nonce = str(int(time.time()) - age), "0" * 32
    signature = rsa_sign(merchant.private_key, f"{method}\n{url}\n{stamp}\n{nonce}\n{body}\n")
    return (
        f'WECHATPAY2-SHA256-RSA2048 mchid="{merchant.mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{stamp}",serial_no="{merchant.serial_no}"'
    )
