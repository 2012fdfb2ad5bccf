"""The door of the mini-program API: always HTTP 200, refusals as `errcode` (wechat.md 0)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from simulator.faults import Errcode, Refusal
from simulator.mini.errors import MiniError
from simulator.misbehaviour import misbehave
from simulator.pay.seals import Seal
from simulator.platform import Platform, platform_of

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its query, its JSON body (None when it is no JSON object), and who calls."""

    platform: Platform
    query: dict[str, str]
    body: Content | None
    caller_ip: str

    @property
    def now(self) -> float:
        """The platform's time."""
        return self.platform.clock.now()

    def content(self) -> Content:
        """The JSON body; raises 47001."""
        if self.body is None:
            raise MiniError(47001, "data format error")
        return self.body


Handler = Callable[[Call], Content]


def endpoint(api: str, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint around a handler; there is no signature, so faults of signatures change nothing."""

    async def answered(request: Request) -> Response:
        platform = platform_of(request)
        caller = request.client.host if request.client else ""
        call = Call(platform, dict(request.query_params), _object(await request.body()), caller)
        action = platform.faults.for_call(api, _facts(request, call)) if platform.faults.any() else None

        async def answer(_: Seal) -> Response:
            try:
                return _json(handle(call))
            except MiniError as error:
                return _json(error.shown())

        return await misbehave(request, action, answer, _fault)

    return answered


def with_token(handle: Handler) -> Handler:
    """The handler, reached only with a valid `access_token`."""

    def checked(call: Call) -> Content:
        check_token(call)
        return handle(call)

    return checked


def check_token(call: Call) -> None:
    """Raise 41001, 40001 or 42001 unless the query carries a token that lives (wechat.md 1.5)."""
    text = call.query.get("access_token")
    if not text:
        raise MiniError(41001, "access_token missing")
    token = call.platform.books.row("SELECT * FROM tokens WHERE token = ?", text)
    if token is None or (token["replaced"] and call.now >= token["expires_at"]):
        raise MiniError(40001, "invalid credential, access_token is invalid or not latest")
    if call.now >= token["expires_at"]:
        raise MiniError(42001, "access_token expired")


def _object(body: bytes) -> Content | None:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _facts(request: Request, call: Call) -> dict[str, object]:
    body = call.body or {}
    order = body.get("order_key")
    facts: dict[str, object] = {**call.query, **body, **(order if isinstance(order, dict) else {})}
    facts["host"] = request.headers.get("host")
    facts.setdefault("out_trade_no", body.get("merchant_trade_no"))
    facts.setdefault("openid", body.get("touser"))
    return facts


def _json(content: Content) -> Response:
    return Response(orjson.dumps(content), media_type="application/json; charset=UTF-8")


def _fault(action: Refusal | Errcode) -> Response:
    if isinstance(action, Errcode):
        return _json(MiniError(action.errcode, action.errmsg).shown())
    return Response(f"<html><body>{action.status}</body></html>", action.status, media_type="text/html")
