"""What may come in and how it goes out: strict bodies, bounded JSON (SEC6, SEC9, checklist F)."""

import json
import re
import unicodedata
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from shared.http.problems import Invalid, Problem
from shared.money import MAX_ORDER_FEN

MAX_BODY_BYTES = 256 * 1024
UPLOAD_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 32
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]", re.ASCII | re.IGNORECASE)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Body(BaseModel):
    """A request body: no unknown fields, no coercion ("1", 1.0 and true are not 1)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class View(BaseModel):
    """An outgoing document; lists exactly the fields that may be seen, and is read from mappings and objects alike."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


_PLAIN = {0xFF00 + code: 0x20 + code for code in range(0x01, 0x5F) if chr(0x20 + code).isalnum()} | {
    0x3000: 0x20
}
"""Full-width letters, digits and the space; Chinese punctuation stays what it is."""


def _clean(text: str) -> str:
    """NFC, full-width letters and digits made plain, without control, zero-width and direction characters."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("must not hold lone surrogates")
    text = _CONTROL.sub("", unicodedata.normalize("NFC", text.translate(_PLAIN))).strip()
    if not text:
        raise ValueError("must not be empty")
    return text


def _no_number(value: Any) -> Any:
    """Pydantic would take a number, or the text of one, for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATED.match(value)):
        return value
    raise ValueError("must be an instant such as 2026-11-11T00:00:00+08:00")


Id = Annotated[UUID, Field(strict=False)]
Instant = Annotated[
    AwareDatetime,
    Field(strict=False, ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    BeforeValidator(_no_number),
]
"""A moment with its offset that the shop may have seen or live to see; no number."""
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""What a change is based on."""
Fen = Annotated[int, Field(ge=0, le=MAX_ORDER_FEN, description="Money in fen, CNY")]
Quantity = Annotated[int, Field(ge=1, le=9_999)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
Text = Annotated[str, Field(max_length=200), AfterValidator(_clean)]
LongText = Annotated[str, Field(max_length=5_000), AfterValidator(_clean)]


class BodyTooLarge(Problem):
    """The body is larger than the route takes."""

    slug, title, status = "body-too-large", "The request body is too large", 413


class StrictRequest(Request):
    """A request whose JSON is bounded: size, depth, no repeated keys, no NaN, no giant numbers."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        limit = UPLOAD_BYTES if _is_upload(self) else MAX_BODY_BYTES
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"At most {limit} bytes.")
            yield chunk

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = strict_json(body := await self.body())
            _check_encodable(self._json, body)
        return self._json


class StrictRoute(APIRoute):
    """A FastAPI route that reads bodies through StrictRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def strict_json(body: bytes) -> Any:
    """Parse JSON with bounds; lone surrogates are left to the reader. Raises Invalid."""
    if _depth(body) > MAX_DEPTH:
        raise Invalid(f"JSON may nest at most {MAX_DEPTH} deep.")
    try:
        return json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except UnicodeError as error:
        raise Invalid("The body is not valid JSON: it is not UTF-8 text.") from error
    except ValueError as error:
        raise Invalid(f"The body is not valid JSON: {error}.") from error


def _check_encodable(value: Any, body: bytes) -> None:
    """Raise Invalid for lone surrogates, which only an escape can bring and which no text can hold."""
    if b"\\u" not in body:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise Invalid("The body is not valid JSON: it holds lone surrogates.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names the same key twice")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _depth(body: bytes) -> int:
    """How deep a JSON text nests; 0 when it cannot be too deep."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _is_upload(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")
