"""What reaches the gateway's socket and must not get further (SEC6)."""

import asyncio
import json

import pytest

from shared.http import protocol
from tests.support.shop import Shop


async def exchange(shop: Shop, request: bytes, *, seconds: float = 5) -> bytes:
    """Everything the server answers to raw bytes until it closes, or until nothing comes for a moment."""
    host, port = shop.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    received = b""
    try:
        async with asyncio.timeout(seconds):
            while chunk := await reader.read(65536):
                received += chunk
                if b"connection: close" not in received.lower() and b"\r\n\r\n" in received:
                    break
    except ConnectionResetError:  # cut off while we were still sending
        return received
    finally:
        writer.close()
    return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_an_ordinary_request_is_answered(shop: Shop) -> None:
    answer = await exchange(shop, b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
    assert status(answer) == 200


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(
            b"POST /auth/logout HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(
            b"POST /auth/logout HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            id="two lengths",
        ),
        pytest.param(b"GET /health/live HTTP/1.1\nhost: x\n\n", id="bare line feeds"),
        pytest.param(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n 2\r\n\r\n", id="folded header"),
        pytest.param(b"GET /health/live HTTP/1.1\r\nhost : x\r\n\r\n", id="space before colon"),
    ],
)
async def test_ambiguous_requests_are_refused(shop: Shop, request_: bytes) -> None:
    assert status(await exchange(shop, request_)) == 400


async def test_a_head_of_200_kilobytes_is_cut_off(shop: Shop) -> None:
    answer = await exchange(shop, b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 200_000)
    assert answer == b"" or status(answer) == 431


async def test_a_head_of_24_kilobytes_is_told_to_be_too_large(shop: Shop) -> None:
    answer = await exchange(
        shop, b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 24_000 + b"\r\n\r\n"
    )
    assert status(answer) == 431
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["status"] == 431


async def test_65_headers_are_too_many(shop: Shop) -> None:
    headers = b"".join(b"x-%d: 1\r\n" % number for number in range(65))
    assert status(await exchange(shop, b"GET /health/live HTTP/1.1\r\n" + headers + b"\r\n")) == 431


async def test_a_slow_head_is_cut_off(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.2)
    assert await exchange(shop, b"GET /health/live HTTP/1.1\r\nhost: x\r\n") == b""


async def test_kept_alive_connections_may_rest_between_requests(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.1)
    host, port = shop.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(3):
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = await reader.readuntil(b"}")
        assert status(answer) == 200
        await asyncio.sleep(0.3)
    writer.close()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /products/../internal/skus/lookup HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /products/%2e%2e/health/live HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET http://catalog/internal/skus/lookup HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"GET //products HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"CONNECT catalog:80 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"GET /products HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", 200),
        (b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        (b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"GET /products HTTP/1.1\r\nhost: x\r\nauthorization: a\r\nauthorization: b\r\n\r\n", 400),
        (b"BREW /products HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    ],
)
async def test_odd_targets_and_methods_lead_nowhere(shop: Shop, request_: bytes, expected: int) -> None:
    assert status(await exchange(shop, request_)) == expected
