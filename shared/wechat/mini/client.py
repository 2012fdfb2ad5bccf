"""The server API of one mini-program (wechat.md 1, 2 and 4)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from shared.wechat.mini.calls import Calls
from shared.wechat.mini.errors import TokenRefused, WeChatBusy
from shared.wechat.mini.settings import MiniProgramSettings
from shared.wechat.mini.tokens import AccessTokens
from shared.wechat.mini.values import (
    DeliveryMode,
    LogisticsType,
    OrderShipping,
    Parcel,
    PhoneNumber,
    WeChatLogin,
)
from shared.wechat.mini.wording import fit

_CHINA = timezone(timedelta(hours=8))


class MiniProgram:
    """One mini-program. Besides what a method names it raises `WeChatRefused` (for good) or `WeChatBusy`."""

    def __init__(
        self, settings: MiniProgramSettings, http: httpx.AsyncClient, *, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._calls = Calls(settings.base_url, http)
        self._tokens = AccessTokens(settings, self._calls, clock=clock)

    async def login(self, code: str) -> WeChatLogin:
        """Who `wx.login` gave this code to (wechat.md 1.1). Codes are spent by the first try: never retried.

        Raises `CodeRefused` and, as after `WeChatBusy`, the client asks for a new code; `LoginBlocked`.
        """
        said = await self._calls.call(
            "GET",
            "/sns/jscode2session",
            query={
                "appid": self._settings.appid,
                "secret": self._settings.app_secret,
                "js_code": code,
                "grant_type": "authorization_code",
            },
        )
        openid, session_key = _text(said, "openid"), _text(said, "session_key")
        return WeChatLogin(openid, session_key, said.get("unionid"))

    async def phone_number(self, code: str) -> PhoneNumber:
        """The number behind a `getPhoneNumber` code, which is not a login code (wechat.md 1.7).

        Raises `CodeRefused`.
        """
        said = await self._authorized("/wxa/business/getuserphonenumber", {"code": code})
        info = _object(said, "phone_info")
        return PhoneNumber(
            _text(info, "phoneNumber"), _text(info, "purePhoneNumber"), _text(info, "countryCode")
        )

    async def upload_shipping_info(
        self,
        transaction_id: str,
        *,
        openid: str,
        logistics_type: LogisticsType,
        delivery_mode: DeliveryMode,
        is_all_delivered: bool,
        shipping_list: Sequence[Parcel],
        upload_time: datetime,
    ) -> None:
        """Tell the platform that a payment's goods left (wechat.md 4.3).

        `upload_time` must be later than that of this payment's previous upload. Raises `PaymentUnknown`,
        `ShippingAlreadyDone`, `ReuploadUsedUp`.
        """
        report: dict[str, Any] = {
            "order_key": {"order_number_type": 2, "transaction_id": transaction_id},
            "logistics_type": logistics_type,
            "delivery_mode": delivery_mode,
            "shipping_list": [parcel.as_entry() for parcel in shipping_list],
            "upload_time": upload_time.astimezone(_CHINA).isoformat(timespec="milliseconds"),
            "payer": {"openid": openid},
        }
        if delivery_mode is DeliveryMode.SPLIT:
            report["is_all_delivered"] = is_all_delivered
        await self._authorized("/wxa/sec/order/upload_shipping_info", report)

    async def order_shipping(self, transaction_id: str) -> OrderShipping:
        """What the platform knows of a payment's delivery (wechat.md 4.4); raises `PaymentUnknown`."""
        said = await self._authorized("/wxa/sec/order/get_order", {"transaction_id": transaction_id})
        return OrderShipping.of(_object(said, "order"))

    async def send_subscribe_message(
        self, openid: str, *, template_id: str, data: Mapping[str, str], page: str | None = None
    ) -> None:
        """Send one subscription message, every value made to fit its keyword (wechat.md 2.1).

        `data` must have every keyword of the template. Raises `NoSubscription`, `QuotaExhausted`.
        """
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {
                keyword: {"value": fit(keyword.rstrip("0123456789"), value)}
                for keyword, value in data.items()
            },
        }
        if page is not None:
            message["page"] = page
        await self._authorized("/cgi-bin/message/subscribe/send", message)

    async def _authorized(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Call with the access token, once more with another one when it is refused, and never again."""
        token = await self._tokens.current()
        try:
            return await self._calls.call("POST", path, query={"access_token": token}, content=content)
        except TokenRefused:
            token = await self._tokens.instead_of(token)
        return await self._calls.call("POST", path, query={"access_token": token}, content=content)


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise WeChatBusy(f"an answer without {name}")
    return value


def _object(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    if not isinstance(value, dict):
        raise WeChatBusy(f"an answer without {name}")
    return value
