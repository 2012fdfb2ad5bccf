import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.wechat.mini import (
    CodeRefused,
    DeliveryMode,
    LoginBlocked,
    LogisticsType,
    MiniProgram,
    MiniProgramSettings,
    NoSubscription,
    OrderState,
    Parcel,
    PaymentUnknown,
    QuotaExhausted,
    ReuploadUsedUp,
    ShippingAlreadyDone,
    TokenRefused,
    WeChatBusy,
    WeChatError,
    WeChatLogin,
    WeChatRefused,
)
from tests.unit.wechat.pay_edge import NOW, ManualTime

SETTINGS = MiniProgramSettings(
    appid="wx75fcc2efb086dfed", app_secret="s3cret-0f-the-app", base_url="https://api.test"
)
OK = {"errcode": 0, "errmsg": "ok"}
SHIPPED = {
    "errcode": 0,
    "order": {
        "transaction_id": "4200002",
        "merchant_trade_no": "SH1",
        "openid": "oA1b2",
        "order_state": 2,
        "in_complaint": False,
        "shipping": {"finish_shipping": True, "finish_shipping_count": 1},
    },
}


class MiniEdge:
    """A mini-program API with stable tokens: the first token is T1; `expire_token` makes the next one."""

    def __init__(self, answer: Any = OK, *, expires_in: int = 7200) -> None:
        self._answer = answer
        self._number = 1
        self._expires_in = expires_in
        self.requests: list[httpx.Request] = []
        self.token_requests: list[dict[str, Any]] = []
        self.token_answers: list[Any] = []

    def expire_token(self) -> None:
        self._number += 1

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        if request.url.path == "/cgi-bin/stable_token":
            self.token_requests.append(json.loads(request.content))
            if self.token_answers:
                return self._response(self.token_answers.pop(0), request)
            return httpx.Response(
                200, json={"access_token": f"T{self._number}", "expires_in": self._expires_in}
            )
        self.requests.append(request)
        token = request.url.params.get("access_token")
        if request.url.path != "/sns/jscode2session" and token != f"T{self._number}":
            return httpx.Response(200, json={"errcode": 42001, "errmsg": "access_token expired"})
        return self._response(self._answer, request)

    def _response(self, answer: Any, request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json=answer)

    def client(self, clock: Callable[[], Any] | None = None) -> MiniProgram:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return MiniProgram(SETTINGS, http, clock=clock or ManualTime())


async def upload(mini: MiniProgram, mode: DeliveryMode = DeliveryMode.UNIFIED, **parcel: Any) -> None:
    await mini.upload_shipping_info(
        "4200002",
        openid="oA1b2",
        logistics_type=LogisticsType.EXPRESS,
        delivery_mode=mode,
        is_all_delivered=True,
        shipping_list=[Parcel(**{"item_desc": "咖啡豆×2", **parcel})],
        upload_time=NOW + timedelta(milliseconds=120),
    )


async def send(mini: MiniProgram) -> None:
    await mini.send_subscribe_message(
        "oA1b2",
        template_id="tpl_ORDER_SHIPPED",
        page="pages/order/detail?id=778",
        data={"thing2": "云" * 21, "amount3": "¥99.80"},
    )


async def test_a_login_code_becomes_an_identity_without_any_access_token() -> None:
    edge = MiniEdge({"openid": "oA1b2", "session_key": "bm90LWEtcmVhbC1rZXkhIQ=="})

    login = await edge.client().login("code-1")

    assert login == WeChatLogin("oA1b2", "bm90LWEtcmVhbC1rZXkhIQ==", None)
    assert edge.token_requests == []
    assert dict(edge.requests[0].url.params) == {
        "appid": SETTINGS.appid,
        "secret": SETTINGS.app_secret,
        "js_code": "code-1",
        "grant_type": "authorization_code",
    }


async def test_a_unionid_is_passed_on_and_the_session_key_is_not_printed() -> None:
    edge = MiniEdge({"errcode": 0, "openid": "oA1b2", "session_key": "bm90", "unionid": "oU1"})

    login = await edge.client().login("code-1")

    assert login.unionid == "oU1"
    assert "bm90" not in repr(login)


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (40029, CodeRefused),
        (40163, CodeRefused),
        (40226, LoginBlocked),
        (40013, WeChatRefused),
        (40125, WeChatRefused),
        (-1, WeChatBusy),
        (45011, WeChatBusy),
    ],
)
async def test_a_refused_login_says_what_to_do_and_is_tried_once(
    errcode: int, kind: type[WeChatError]
) -> None:
    edge = MiniEdge({"errcode": errcode, "errmsg": "invalid code, rid: 6790a1b2"})

    with pytest.raises(kind, match="rid: 6790a1b2") as refused:
        await edge.client().login("code-1")

    assert type(refused.value) is kind
    assert len(edge.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("dead"),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(500, json={"openid": "o", "session_key": "k"}),
        httpx.Response(429, json={}),
        httpx.Response(302, headers={"Location": "https://elsewhere.test"}),
        httpx.Response(200, text="not json"),
        httpx.Response(200, json=["openid"]),
        {"openid": "oA1b2"},
        {"openid": 1, "session_key": "k"},
        {"errcode": "broken"},
    ],
    ids=lambda answer: type(answer).__name__,
)
async def test_an_answer_that_is_no_answer_means_busy_and_a_spent_code(answer: Any) -> None:
    edge = MiniEdge(answer)

    with pytest.raises(WeChatBusy):
        await edge.client().login("code-1")

    assert len(edge.requests) == 1


async def test_a_phone_code_becomes_a_number() -> None:
    info = {"phoneNumber": "+85291234567", "purePhoneNumber": "91234567", "countryCode": "852"}
    edge = MiniEdge({**OK, "phone_info": info})

    phone = await edge.client().phone_number("phone-code")

    assert (phone.phone_number, phone.pure_phone_number, phone.country_code) == tuple(info.values())
    assert json.loads(edge.requests[0].content) == {"code": "phone-code"}
    assert dict(edge.requests[0].url.params) == {"access_token": "T1"}


async def test_fifty_concurrent_callers_fetch_one_token() -> None:
    edge = MiniEdge()
    mini = edge.client()

    await asyncio.gather(*(send(mini) for _ in range(50)))

    assert edge.token_requests == [
        {
            "grant_type": "client_credential",
            "appid": SETTINGS.appid,
            "secret": SETTINGS.app_secret,
            "force_refresh": False,
        }
    ]
    assert len(edge.requests) == 50


async def test_fifty_concurrent_callers_share_one_failed_fetch() -> None:
    edge = MiniEdge()
    edge.token_answers = [{"errcode": 40164, "errmsg": "invalid ip 203.0.113.9"}]
    mini = edge.client()

    results = await asyncio.gather(*(send(mini) for _ in range(50)), return_exceptions=True)

    assert [type(result) for result in results] == [WeChatRefused] * 50
    assert len(edge.token_requests) == 1
    await send(mini)
    assert len(edge.token_requests) == 2


async def test_a_caller_that_gives_up_does_not_take_the_fetch_from_the_others() -> None:
    edge = MiniEdge()
    mini = edge.client()
    first, second = asyncio.create_task(send(mini)), asyncio.create_task(send(mini))
    await asyncio.sleep(0.001)

    first.cancel()
    await second

    assert first.cancelled()
    assert len(edge.token_requests) == 1


async def test_a_token_is_kept_until_less_than_five_minutes_remain() -> None:
    clock = ManualTime()
    edge = MiniEdge(expires_in=7200)
    mini = edge.client(clock)

    await send(mini)
    clock.pass_(7200 - 301)
    await send(mini)
    assert len(edge.token_requests) == 1

    clock.pass_(1)
    await send(mini)
    assert len(edge.token_requests) == 2


async def test_a_token_in_its_last_minutes_is_not_asked_for_at_every_call() -> None:
    clock = ManualTime()
    edge = MiniEdge(expires_in=300)
    mini = edge.client(clock)

    for _ in range(5):
        await send(mini)
    assert len(edge.token_requests) == 1

    clock.pass_(10)
    await send(mini)
    assert len(edge.token_requests) == 2


async def test_fifty_callers_with_an_expired_token_fetch_one_and_repeat_once() -> None:
    edge = MiniEdge()
    mini = edge.client()
    await send(mini)
    edge.expire_token()
    edge.requests.clear()

    await asyncio.gather(*(send(mini) for _ in range(50)))

    assert len(edge.token_requests) == 2
    assert [request.url.params["access_token"] for request in edge.requests] == ["T1"] * 50 + ["T2"] * 50


@pytest.mark.parametrize("errcode", [40001, 40014, 41001, 42001])
async def test_a_token_that_is_never_accepted_is_tried_twice_and_no_more(errcode: int) -> None:
    edge = MiniEdge({"errcode": errcode, "errmsg": "invalid credential"})
    mini = edge.client()

    with pytest.raises(TokenRefused):
        await send(mini)

    assert (len(edge.requests), len(edge.token_requests)) == (2, 2)
    assert not any(asked["force_refresh"] for asked in edge.token_requests)


async def test_a_token_answer_without_a_token_means_busy() -> None:
    edge = MiniEdge()
    edge.token_answers = [{"expires_in": 7200}]

    with pytest.raises(WeChatBusy):
        await send(edge.client())


async def test_a_shipping_report_says_what_left_and_when() -> None:
    edge = MiniEdge()

    await upload(
        edge.client(), tracking_no="SF1234567890", express_company="SF", receiver_phone="+86-13812348000"
    )

    assert edge.requests[0].url.path == "/wxa/sec/order/upload_shipping_info"
    assert json.loads(edge.requests[0].content) == {
        "order_key": {"order_number_type": 2, "transaction_id": "4200002"},
        "logistics_type": 1,
        "delivery_mode": 1,
        "shipping_list": [
            {
                "tracking_no": "SF1234567890",
                "express_company": "SF",
                "item_desc": "咖啡豆×2",
                "contact": {"receiver_contact": "+86-138****8000"},
            }
        ],
        "upload_time": "2026-01-02T10:00:00.120+08:00",
        "payer": {"openid": "oA1b2"},
    }


async def test_split_delivery_says_whether_all_has_left_and_descriptions_are_cut() -> None:
    edge = MiniEdge()

    await upload(edge.client(), DeliveryMode.SPLIT, item_desc="豆" * 121)

    report = json.loads(edge.requests[0].content)
    assert report["is_all_delivered"] is True
    assert report["shipping_list"] == [{"item_desc": "豆" * 119 + "…"}]


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (10060001, PaymentUnknown),
        (10060002, ShippingAlreadyDone),
        (10060023, ShippingAlreadyDone),
        (10060003, ReuploadUsedUp),
        (10060004, WeChatRefused),
        (10060012, WeChatBusy),
        (10060019, WeChatBusy),
    ],
)
async def test_a_refused_shipping_report_says_what_to_do(errcode: int, kind: type[WeChatError]) -> None:
    with pytest.raises(kind) as refused:
        await upload(MiniEdge({"errcode": errcode, "errmsg": "no"}).client())

    assert type(refused.value) is kind


async def test_the_platforms_view_of_a_delivery_is_read() -> None:
    edge = MiniEdge(SHIPPED)

    shipping = await edge.client().order_shipping("4200002")

    assert (shipping.transaction_id, shipping.out_trade_no, shipping.openid) == ("4200002", "SH1", "oA1b2")
    assert shipping.order_state is OrderState.SHIPPED
    assert (shipping.finish_shipping, shipping.finish_shipping_count, shipping.in_complaint) == (
        True,
        1,
        False,
    )
    assert json.loads(edge.requests[0].content) == {"transaction_id": "4200002"}


@pytest.mark.parametrize("changed", [{"order_state": 9}, {"openid": ...}, {"shipping": "yes"}])
async def test_a_view_that_is_not_understood_means_busy(changed: dict[str, Any]) -> None:
    order = {name: value for name, value in {**SHIPPED["order"], **changed}.items() if value is not ...}  # type: ignore[dict-item]

    with pytest.raises(WeChatBusy):
        await MiniEdge({"errcode": 0, "order": order}).client().order_shipping("4200002")


async def test_a_subscription_message_is_made_to_fit() -> None:
    edge = MiniEdge()

    await send(edge.client())

    assert json.loads(edge.requests[0].content) == {
        "touser": "oA1b2",
        "template_id": "tpl_ORDER_SHIPPED",
        "page": "pages/order/detail?id=778",
        "data": {"thing2": {"value": "云" * 19 + "…"}, "amount3": {"value": "¥99.80"}},
    }


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [(43101, NoSubscription), (45009, QuotaExhausted), (43108, WeChatBusy), (47003, WeChatRefused)],
)
async def test_a_refused_message_says_what_to_do(errcode: int, kind: type[WeChatError]) -> None:
    with pytest.raises(kind) as refused:
        await send(MiniEdge({"errcode": errcode, "errmsg": "no"}).client())

    assert type(refused.value) is kind


@pytest.mark.parametrize("answer", [OK, httpx.ConnectError("dead"), {"errcode": 40001, "errmsg": "no"}])
async def test_neither_secret_nor_token_nor_code_reaches_logs_or_errors(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mini = MiniEdge(answer).client()

    told = repr(SETTINGS)
    for call in (mini.login("the-login-code"), mini.phone_number("the-phone-code"), send(mini)):
        try:
            await call
        except WeChatError as error:
            cause = error.__cause__
            told += f"{error!r} {cause!r} {cause and cause.__cause__!r}"

    assert "https://api.test/sns/jscode2session" in caplog.text or isinstance(answer, Exception)
    for secret in (SETTINGS.app_secret, "T1", "the-login-code", "the-phone-code"):
        assert secret not in caplog.text
        assert secret not in told
