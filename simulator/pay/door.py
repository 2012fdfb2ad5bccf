"""The door of WeChat Pay: every request passes the checks in the platform's order, every 2xx leaves signed.

The order (wechat.md 5.18): path, method, Accept and User-Agent, Authorization, merchant and serial, clock,
signature over the raw path, query and body, then the body's mchid, its fields, and the business rules.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.wechat.encryption import DecryptionFailed, oaep_decrypt
from shared.wechat.signatures import SCHEME, parse_authorization, request_message, verify
from simulator.faults import Errcode, Refusal
from simulator.misbehaviour import misbehave
from simulator.pay.errors import PayError, invalid, unsigned, wrong_field
from simulator.pay.seals import Seal
from simulator.platform import Platform, platform_of

CLOCK_TOLERANCE_SECONDS = 300
USUAL_CODES = {
    400: "INVALID_REQUEST",
    403: "NO_AUTH",
    404: "ORDER_NOT_EXIST",
    429: "FREQUENCY_LIMITED",
    500: "SYSTEM_ERROR",
}


class Body(BaseModel):
    """A request body: exact JSON types, nothing unknown."""

    model_config = ConfigDict(extra="forbid", strict=True)


Model = TypeVar("Model", bound=Body)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request; `serial` names the platform key for which its sensitive fields were sealed."""

    platform: Platform
    path: dict[str, str]
    query: dict[str, str]
    serial: str
    body: bytes = field(repr=False)

    @property
    def now(self) -> float:
        """The platform's time."""
        return self.platform.clock.now()


Handler = Callable[[Call], dict[str, Any] | Response | None]


def endpoint(api: str, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint around a handler, which answers JSON, nothing (204), or a whole unsigned response."""

    async def answered(request: Request) -> Response:
        platform = platform_of(request)
        body = await request.body()
        try:
            authenticate(platform, request, body)
            serial = request.headers.get("wechatpay-serial", "")
            call = Call(platform, dict(request.path_params), dict(request.query_params), serial, body)
            action = platform.faults.for_call(api, _facts(request, call)) if platform.faults.any() else None
            return await misbehave(request, action, lambda seal: _answer(request, call, handle, seal), _fault)
        except PayError as error:
            return refusal(error)

    return answered


def authenticate(platform: Platform, request: Request, body: bytes) -> None:
    """Check the headers, the merchant, the clock and the signature; raises the refusal."""
    merchant = platform.merchant
    if not request.headers.get("accept") or not request.headers.get("user-agent"):
        raise invalid("Http头缺少Accept或User-Agent")
    header = request.headers.get("authorization", "")
    if not header:
        raise unsigned("签名信息错误，验签失败")
    if not header.startswith(SCHEME + " "):
        raise unsigned("HTTP头Authorization认证类型不正确")
    claim = parse_authorization(header)
    if claim is None or not claim.timestamp.isdigit():
        raise unsigned("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》")
    if claim.mchid != merchant.mchid or claim.serial_no != merchant.serial_no:
        raise unsigned("商户证书序列号有误。请使用签名私钥匹配的证书序列号")
    if abs(platform.clock.wire() - int(claim.timestamp)) > CLOCK_TOLERANCE_SECONDS:
        raise unsigned("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    message = request_message(request.method, url_on_wire(request), claim.timestamp, claim.nonce, body)
    if not verify(merchant.public_key, message, claim.signature):
        raise unsigned("签名错误")


def url_on_wire(request: Request) -> str:
    """Path and query exactly as they came over the wire, percent-encoding included."""
    raw: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")


def read(call: Call, model: type[Model]) -> Model:
    """The body's fields; raises the refusal that names the first wrong one."""
    try:
        content = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        raise wrong_field("", None, "请求体不是合法的JSON") from None
    if not isinstance(content, dict):
        raise wrong_field("", None, "请求体不是JSON对象")
    own_mchid(call, content.get("mchid", call.platform.merchant.mchid))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _named(error) from None


def unsealed(call: Call, field: str, sealed: str) -> str:
    """The text of a sensitive field (wechat.md 5.5); raises the refusal when it was not sealed for this platform."""
    key = call.platform.seals.private_key(call.serial)
    if key is None:
        raise wrong_field(
            "Wechatpay-Serial", call.serial, "平台证书序列号Wechatpay-Serial错误", location="header"
        )
    try:
        return oaep_decrypt(key, sealed)
    except DecryptionFailed:
        raise wrong_field(field, None, "敏感信息解密失败") from None


def own_mchid(call: Call, mchid: object) -> None:
    """Check that the merchant who signed is the merchant meant; raises the refusal."""
    if mchid != call.platform.merchant.mchid:
        raise wrong_field(
            "/mchid", mchid, "商户号不一致", message="http header中的mchid与post payload中的mchid不匹配"
        )


def refusal(error: PayError) -> Response:
    """An error answer: no signature, but a `Request-ID` with the inner code."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        body["detail"] = error.detail
    return _json(error.status, json.dumps(body, ensure_ascii=False).encode(), request_id(error.inner))


def request_id(inner: int = 0) -> dict[str, str]:
    """The `Request-ID` header, which ends with the inner error code."""
    return {"Request-ID": f"08{secrets.token_hex(16).upper()}-{inner}"}


async def _answer(request: Request, call: Call, handle: Handler, seal: Seal) -> Response:
    result = handle(call)
    if isinstance(result, Response):
        return result
    body = b"" if result is None else orjson.dumps(result)
    wanted = request.headers.get("wechatpay-serial") == call.platform.merchant.platform_public_key_id
    headers = await call.platform.seals.headers(body, seal=seal, public_key_wanted=wanted)
    return _json(204 if result is None else 200, body, request_id() | headers)


def _json(status: int, body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, media_type="application/json; charset=utf-8" if body else None)


def _fault(action: Refusal | Errcode) -> Response:
    if isinstance(action, Errcode):
        return refusal(PayError(500, "SYSTEM_ERROR", action.errmsg, inner=action.errcode))
    if action.status in (502, 503, 504) and action.code is None:
        page = f"<html><head><title>{action.status}</title></head><body>nginx</body></html>"
        return Response(page, action.status, media_type="text/html")
    code = action.code or USUAL_CODES.get(action.status, "SYSTEM_ERROR")
    return refusal(PayError(action.status, code, action.message))


def _facts(request: Request, call: Call) -> dict[str, object]:
    """What fault rules may ask about this call: its path, query, top-level body, host, and the order meant."""
    try:
        content = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        content = {}
    facts = {**(content if isinstance(content, dict) else {}), **call.query, **call.path}
    facts["host"] = request.headers.get("host")
    if "out_trade_no" not in facts:
        facts["out_trade_no"] = call.platform.books.value(
            "SELECT out_trade_no FROM refunds WHERE out_refund_no = ?"
            " UNION SELECT out_trade_no FROM transactions WHERE transaction_id = ?",
            facts.get("out_refund_no"),
            facts.get("transaction_id"),
        )
    return facts


def _named(error: ValidationError) -> PayError:
    first = error.errors(include_url=False, include_context=False)[0]
    pointer = "".join(f"/{part}" for part in first["loc"])
    value = first["input"] if isinstance(first["input"], str | int | float | bool) else None
    if first["type"] == "extra_forbidden":
        return wrong_field(pointer, value, "多余的参数", message="参数中含有非法的额外参数", inner=270924358)
    out_of_range = first["type"] in (
        "greater_than_equal",
        "less_than_equal",
        "string_too_long",
        "string_too_short",
    )
    return wrong_field(pointer, value, first["msg"], inner=268435464 if out_of_range else 268435461)
