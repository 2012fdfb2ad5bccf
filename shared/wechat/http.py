"""One bounded exchange over HTTP: an overall deadline, a cap on the answer's size, no redirects."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

DEADLINE_S = 10.0
LIMIT_BYTES = 1 << 20
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


async def exchange(
    http: httpx.AsyncClient,
    request: httpx.Request,
    *,
    deadline_s: float = DEADLINE_S,
    limit_bytes: int = LIMIT_BYTES,
) -> Answer:
    """Send one request and read its whole answer; raises `ConnectionFailed` or another `NoAnswer`."""
    request.extensions = {**request.extensions, "timeout": _TIMEOUT.as_dict()}
    try:
        async with asyncio.timeout(deadline_s):
            return await _exchange(http, request, limit_bytes)
    except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
        # Not chained: the request inside an httpx error carries secrets in its URL.
        raise ConnectionFailed(type(error).__name__) from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise NoAnswer(type(error).__name__) from None


async def _exchange(http: httpx.AsyncClient, request: httpx.Request, limit_bytes: int) -> Answer:
    response = await http.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit_bytes:
                raise NoAnswer(f"answer longer than {limit_bytes} bytes")
    finally:
        await response.aclose()
    return Answer(response.status_code, dict(response.headers), bytes(body))
