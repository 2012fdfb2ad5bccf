"""Login, tokens, phone numbers and subscription messages (wechat.md 1 and 2)."""

import hashlib
import hmac
import re
from typing import Any

from tests.simulator.support import Json, Merchant, Simulator

RID = re.compile(r", rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")
PAID = "tplOrderPaid_0000000000000000000000000000001"


async def test_a_login_code_gives_the_user_once(merchant: Merchant) -> None:
    code = await new_code(merchant, "login")
    answer = await login(merchant, js_code=code)
    assert answer.keys() == {"openid", "session_key", "unionid"}
    assert answer["openid"] == merchant.openid
    assert errcode(await login(merchant, js_code=code)) == 40163


async def test_every_wrong_login_has_its_errcode(merchant: Merchant) -> None:
    code = await new_code(merchant, "login")
    phone_code = await new_code(merchant, "phone")
    cases: list[tuple[Json, int]] = [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"js_code": ""}, 41008),
        ({"grant_type": "other"}, 40002),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"js_code": "unknown"}, 40029),
        ({"js_code": phone_code}, 40029),
    ]
    for changes, expected in cases:
        assert errcode(await login(merchant, **{"js_code": code, **changes})) == expected
    await merchant.simulator.advance(300)
    assert errcode(await login(merchant, js_code=code)) == 40029


async def test_too_many_logins_of_one_user_in_a_minute_are_slowed_down(merchant: Merchant) -> None:
    await merchant.simulator.control("PUT", "/rules", {"logins_per_minute": 2})
    codes = [await new_code(merchant, "login") for _ in range(3)]
    answers = [await login(merchant, js_code=code) for code in codes]
    assert [answer.get("errcode", 0) for answer in answers] == [0, 0, 45011]
    await merchant.simulator.advance(61)
    assert (await login(merchant, js_code=codes[2]))["openid"] == merchant.openid


async def test_a_new_login_may_replace_the_session_key(merchant: Merchant) -> None:
    old = await login(merchant, js_code=await new_code(merchant, "login"))
    await merchant.simulator.control("PUT", "/rules", {"session_key_rotation_percent": 100})
    new = await login(merchant, js_code=await new_code(merchant, "login"))
    assert new["session_key"] != old["session_key"]
    await merchant.mini("/wxa/sec/order/is_trade_managed", {"appid": merchant.appid})
    for session, expected in ((old, 87009), (new, 0)):
        signature = hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest()
        query = {
            "access_token": merchant.token,
            "openid": merchant.openid,
            "signature": signature,
            "sig_method": "hmac_sha256",
        }
        assert (await merchant.client.get("/wxa/checksession", params=query)).json()["errcode"] == expected


async def test_the_stable_token_stays_and_is_renewed_five_minutes_before_its_end(merchant: Merchant) -> None:
    first = await stable(merchant)
    assert first["expires_in"] == 7200
    assert len(first["access_token"]) >= 130
    assert (await stable(merchant))["access_token"] == first["access_token"]
    await merchant.simulator.advance(6899)
    late = await stable(merchant)
    assert late["access_token"] == first["access_token"]
    assert 295 <= late["expires_in"] <= 302
    await merchant.simulator.advance(2)
    second = await stable(merchant)
    assert second["access_token"] != first["access_token"]
    assert await token_errcode(merchant, first["access_token"]) == 0
    assert await token_errcode(merchant, second["access_token"]) == 0
    await merchant.simulator.advance(300)
    assert await token_errcode(merchant, first["access_token"]) == 42001


async def test_a_forced_refresh_kills_the_token_at_most_twice_a_minute_and_twenty_times_a_day(
    merchant: Merchant,
) -> None:
    first = (await stable(merchant))["access_token"]
    second = (await stable(merchant, force_refresh=True))["access_token"]
    assert await token_errcode(merchant, first) == 40001
    assert await token_errcode(merchant, second) == 0
    assert (await stable(merchant, force_refresh=True))["access_token"] == second
    tokens = {second}
    for _ in range(25):
        await merchant.simulator.advance(31)
        tokens.add((await stable(merchant, force_refresh=True))["access_token"])
    assert len(tokens) == 20


async def test_a_plain_token_is_new_each_time_and_leaves_the_stable_one_alone(merchant: Merchant) -> None:
    stable_one = (await stable(merchant))["access_token"]
    first, second = [(await plain(merchant))["access_token"] for _ in range(2)]
    assert first != second
    assert await token_errcode(merchant, first) == 0
    await merchant.simulator.advance(301)
    assert await token_errcode(merchant, first) == 40001
    assert await token_errcode(merchant, second) == 0
    assert await token_errcode(merchant, stable_one) == 0


async def test_wrong_token_calls_have_their_errcodes(merchant: Merchant, simulator: Simulator) -> None:
    for changes, expected in (
        ({"grant_type": "x"}, 40002),
        ({"appid": "wx0"}, 40013),
        ({"secret": "x"}, 40125),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
    ):
        assert errcode(await stable(merchant, **changes)) == expected
        assert errcode(await plain(merchant, **changes)) == expected
    assert (await merchant.client.get("/cgi-bin/stable_token")).json()["errcode"] == 43002
    await simulator.control("PUT", "/rules", {"ip_whitelist": ["203.0.113.9"]})
    refused = await stable(merchant)
    assert errcode(refused) == 40164
    assert "127.0.0.1" in refused["errmsg"]
    bare = await merchant.client.post("/wxa/sec/order/is_trade_managed", json={})
    assert bare.json()["errcode"] == 41001
    assert await token_errcode(merchant, "nonsense") == 40001


async def test_a_phone_code_gives_the_number_once(merchant: Merchant) -> None:
    path = "/wxa/business/getuserphonenumber"
    code = await new_code(merchant, "phone")
    info = (await merchant.mini(path, {"code": code}))["phone_info"]
    assert (info["phoneNumber"], info["countryCode"]) == ("13912345678", "86")
    assert info["watermark"]["appid"] == merchant.appid
    login_code = await new_code(merchant, "login")
    for wrong in (code, login_code, "unknown"):
        assert errcode(await merchant.mini(path, {"code": wrong})) == 40029
    assert (await login(merchant, js_code=login_code))["openid"] == merchant.openid
    old = await new_code(merchant, "phone")
    await merchant.simulator.advance(301)
    assert errcode(await merchant.mini(path, {"code": old})) == 40029


async def test_each_acceptance_allows_one_message(merchant: Merchant, simulator: Simulator) -> None:
    assert errcode(await send(merchant)) == 43101
    accepted = {"openid": merchant.openid, "template_id": PAID, "times": 2}
    assert await simulator.control("POST", "/subscriptions", accepted) == {"remaining": 2}
    sent = [await send(merchant) for _ in range(3)]
    assert [answer["errcode"] for answer in sent] == [0, 0, 43101]
    assert sent[0]["msgid"] != sent[1]["msgid"]
    messages = (await simulator.control("GET", "/books"))["messages"]
    assert [message["data"]["amount3"]["value"] for message in messages] == ["¥99.80", "¥99.80"]


async def test_a_message_that_does_not_fit_its_template_is_refused_and_spends_nothing(
    merchant: Merchant, simulator: Simulator
) -> None:
    accepted = {"openid": merchant.openid, "template_id": PAID, "times": 1}
    await simulator.control("POST", "/subscriptions", accepted)
    wrong = {
        "thing2": ["长" * 21, "", "two\nlines"],
        "character_string1": ["订单", "x" * 33],
        "amount3": ["99.80元整", "twelve"],
        "time4": ["tomorrow"],
    }
    for keyword, values in wrong.items():
        for value in values:
            answer = await send(merchant, **{keyword: value})
            assert errcode(answer) == 47003, value
            assert answer["errmsg"].startswith(f"argument invalid! data.{keyword}.value invalid")
    missing = message(merchant)
    del missing["data"]["time4"]
    assert errcode(await post(merchant, missing)) == 47003
    assert errcode(await post(merchant, {**message(merchant), "template_id": "tplOther"})) == 40037
    assert errcode(await post(merchant, {**message(merchant), "touser": "oNobody"})) == 40003
    assert errcode(await post(merchant, {**message(merchant), "page": "/pages/x"})) == 41030
    assert (await send(merchant))["errcode"] == 0


async def test_uniform_messages_are_gone(merchant: Merchant) -> None:
    assert errcode(await merchant.mini("/cgi-bin/message/wxopen/template/uniform_send", {})) == 45109


async def new_code(merchant: Merchant, kind: str) -> str:
    made = await merchant.simulator.control("POST", f"/{kind}-codes", {"openid": merchant.openid})
    return str(made["code"])


async def login(merchant: Merchant, **changes: str) -> Json:
    query = {
        "appid": merchant.appid,
        "secret": merchant.secret,
        "grant_type": "authorization_code",
        **changes,
    }
    answer = await merchant.client.get("/sns/jscode2session", params=query)
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


async def stable(merchant: Merchant, **changes: Any) -> Json:
    given = {"grant_type": "client_credential", "appid": merchant.appid, "secret": merchant.secret, **changes}
    return (await merchant.client.post("/cgi-bin/stable_token", json=given)).json()  # type: ignore[no-any-return]


async def plain(merchant: Merchant, **changes: Any) -> Json:
    given = {"grant_type": "client_credential", "appid": merchant.appid, "secret": merchant.secret, **changes}
    return (await merchant.client.get("/cgi-bin/token", params=given)).json()  # type: ignore[no-any-return]


async def token_errcode(merchant: Merchant, token: str) -> int:
    merchant.token = token
    answer = await merchant.mini("/wxa/sec/order/is_trade_managed", {"appid": merchant.appid})
    return int(answer["errcode"])


def message(merchant: Merchant, **values: str) -> Json:
    right = {
        "character_string1": "SH202601020001",
        "thing2": "云南小粒咖啡豆 250g",
        "amount3": "¥99.80",
        "time4": "2026-01-02 18:00",
        **values,
    }
    return {
        "touser": merchant.openid,
        "template_id": PAID,
        "page": "pages/order/detail?id=778",
        "data": {keyword: {"value": value} for keyword, value in right.items()},
    }


async def send(merchant: Merchant, **values: str) -> Json:
    return await post(merchant, message(merchant, **values))


async def post(merchant: Merchant, content: Json) -> Json:
    return await merchant.mini("/cgi-bin/message/subscribe/send", content)


def errcode(answer: Json) -> int:
    assert RID.search(answer["errmsg"]), answer
    return int(answer["errcode"])
