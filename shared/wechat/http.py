"""One bounded exchange over HTTP: an overall deadline, a cap on the answer's size, no redirects."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

import httpx

DEADLINE_S = 10.0
LIMIT_BYTES = 1 << 20
FILE_DEADLINE_S = 45.0
_TRUSTED = httpx.create_ssl_context(trust_env=False)
_TIMEOUT = httpx.Timeout(DEADLINE_S, connect=3.0, pool=3.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer; header names are in lower case, the body is the raw bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """No complete answer came; whether the request had an effect is unknown. The text never holds a URL."""


class ConnectionFailed(NoAnswer):
    """The connection could not be made or broke, so that another host may fare better."""


def new_client() -> httpx.AsyncClient:
    """A client for WeChat's servers; all share what authorities are trusted, which takes 30 ms to read."""
    return httpx.AsyncClient(trust_env=False, verify=_TRUSTED)


async def exchange(
    http: httpx.AsyncClient,
    request: httpx.Request,
    *,
    deadline_s: float = DEADLINE_S,
    limit_bytes: int = LIMIT_BYTES,
) -> Answer:
    """Send one request and read its whole answer; raises `ConnectionFailed` or another `NoAnswer`."""
    body = BytesIO()
    status, headers = await _answered(
        http, request, lambda _: body, deadline_s=deadline_s, limit_bytes=limit_bytes
    )
    return Answer(status, headers, body.getvalue())


async def save(http: httpx.AsyncClient, request: httpx.Request, path: Path, *, limit_bytes: int) -> Answer:
    """Send one request and write the body of a 200 to a file; any other answer is read. Raises as `exchange`."""
    error = BytesIO()
    with await asyncio.to_thread(path.open, "wb") as file:
        status, headers = await _answered(
            http,
            request,
            lambda status: file if status == 200 else error,
            deadline_s=FILE_DEADLINE_S,
            limit_bytes=limit_bytes,
        )
    return Answer(status, headers, error.getvalue())


async def _answered(
    http: httpx.AsyncClient,
    request: httpx.Request,
    sink: Callable[[int], IO[bytes]],
    *,
    deadline_s: float,
    limit_bytes: int,
) -> tuple[int, Mapping[str, str]]:
    """Pour one answer's body where its status says."""
    request.extensions = {**request.extensions, "timeout": _TIMEOUT.as_dict()}
    try:
        async with asyncio.timeout(deadline_s):
            return await _poured(http, request, sink, limit_bytes)
    except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
        # Not chained: the request inside an httpx error carries secrets in its URL.
        raise ConnectionFailed(type(error).__name__) from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise NoAnswer(type(error).__name__) from None


async def _poured(
    http: httpx.AsyncClient, request: httpx.Request, sink: Callable[[int], IO[bytes]], limit_bytes: int
) -> tuple[int, Mapping[str, str]]:
    response = await http.send(request, stream=True, follow_redirects=False)
    try:
        into, size = sink(response.status_code), 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > limit_bytes:
                raise NoAnswer(f"answer longer than {limit_bytes} bytes")
            into.write(chunk)
    finally:
        await response.aclose()
    return response.status_code, dict(response.headers)
