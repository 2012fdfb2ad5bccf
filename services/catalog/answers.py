"""Hot reads go from rows to bytes without passing through models; their models are only their contract."""

import hashlib
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response


def encoded(document: Any) -> bytes:
    """A document of plain values as JSON."""
    return orjson.dumps(document, default=str)


def answer(document: Any, *, max_age_seconds: int = 0) -> Response:
    """A JSON answer made of plain values."""
    headers = {"cache-control": f"public, max-age={max_age_seconds}"} if max_age_seconds else None
    return Response(encoded(document), headers=headers, media_type="application/json")


def cacheable_answer(request: Request, document: Any, *, max_age_seconds: int) -> Response:
    """A JSON answer with an ETag; 304 when the client has it already."""
    body = encoded(document)
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"etag": etag, "cache-control": f"public, max-age={max_age_seconds}"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
