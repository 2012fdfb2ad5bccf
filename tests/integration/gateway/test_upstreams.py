"""One contract for services in this process and services over HTTP: what goes through the gateway, and what becomes of
trouble on either side."""

import asyncio
import hashlib
import time

import pytest

from gateway import request_body
from shared.http.identity import HEADER, Identity, Kind
from tests.integration.gateway.echo import ZIPPED, Door, chunk, head, open_door, read_reply

MIB = 1024 * 1024
LIMIT = 256 * 1024


async def test_a_service_sees_what_was_asked_and_who_asks_and_nothing_of_the_clients_inventions(
    door: Door, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reply = await door.ask(
        "POST",
        "/behaviour-events?a=1&a=%20b&c=%2e%2e%2f",
        ("X-Internal-Identity", "forged"),
        ("x_internal_identity", "forged"),
        ("X-Internal-Identity", "forged again"),
        ("X-User-Id", "1"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Http-Method-Override", "DELETE"),
        ("Traceparent", "forged"),
        ("X-Request-Id", "forged"),
        ("Cookie", "a=b"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "k"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Latin", "\xe9"),
        body=b"{}",
    )
    assert reply.status == 200
    told = reply.json()
    headers = told.pop("headers")
    assert told == {
        "method": "POST",
        "path": "/behaviour-events",
        "raw_path": "/behaviour-events",
        "query": "a=1&a=%20b&c=%2e%2e%2f",
        "size": 2,
        "sha256": hashlib.sha256(b"{}").hexdigest(),
    }
    found = dict(headers)
    assert sorted(name for name, _ in headers) == [
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "traceparent",
        HEADER,
        "x-request-id",
        "x-twice",
        "x-twice",
    ]
    assert [value for name, value in headers if name == "x-twice"] == ["1", "2"]
    assert (found["host"], found["content-length"]) == ("analytics", "2")
    assert (found["content-type"], found["idempotency-key"]) == ("application/json", "k")
    assert reply.header("x-request-id") == [found["x-request-id"]] != ["forged"]
    assert found["traceparent"] != "forged"
    folder = door.resources.settings.identity_key_file.parent
    analytics = Identity.from_files("analytics", folder / "analytics.pem", folder / "keyring.json")
    caller = analytics.verify(found[HEADER])
    assert (caller.kind, caller.issuer, caller.roles) == (Kind.ANONYMOUS, "gateway", frozenset())


async def test_a_get_brings_no_body_and_nothing_that_http_libraries_add(door: Door) -> None:
    told = (await door.ask("GET", "/products?limit=1")).json()
    assert sorted(name for name, _ in told["headers"]) == ["host", "traceparent", HEADER, "x-request-id"]
    assert (told["method"], told["size"]) == ("GET", 0)


async def test_encoded_paths_arrive_decoded_once(door: Door) -> None:
    told = (await door.ask("GET", "/products/%E7%BA%A2%20%3B%3Fa%23b")).json()
    assert told["path"] == "/products/红 ;?a#b"
    assert told["raw_path"] == "/products/%E7%BA%A2%20%3B%3Fa%23b"
    told = (await door.ask("GET", "/media/a/b%41")).json()
    assert (told["path"], told["raw_path"]) == ("/media/a/bA", "/media/a/bA")


async def test_every_answer_carries_a_request_id_and_the_security_headers_once(door: Door) -> None:
    for target, status in [
        ("/search", 200),
        ("/nowhere", 404),
        ("/me", 401),
        ("/products/..", 400),
        ("/health/live", 200),
        ("/docs", 200),
        ("/operator/me", 401),
        ("/auth/logout", 405),
    ]:
        reply = await door.ask("GET", target)
        assert reply.status == status, target
        assert [len(value) for value in reply.header("x-request-id")] == [36]
        assert reply.header("x-content-type-options") == ["nosniff"]
        assert reply.header("referrer-policy") == ["no-referrer"]
        assert reply.header("x-frame-options") == ["DENY"]
        assert len(reply.header("date")) == 1
        assert reply.header("server") == []
        if status >= 400:
            assert reply.header("content-type") == ["application/problem+json"]
            assert reply.json()["status"] == status


async def test_what_a_service_says_of_itself_stays_inside(door: Door) -> None:
    reply = await door.ask("GET", "/search", ("x-do", "chatter"))
    assert reply.status == 200
    assert reply.header("x-kept") == ["1"]
    for name in ("server", "x-internal-identity", "x-hop", "connection"):
        assert reply.header(name) == []
    assert reply.header("x-request-id") != ["theirs"]
    assert reply.header("x-frame-options") == ["DENY"]


async def test_zipped_answers_pass_untouched(door: Door) -> None:
    reply = await door.ask("GET", "/search", ("x-do", "zip"), ("accept-encoding", "identity"))
    assert reply.body == ZIPPED
    assert reply.header("content-encoding") == ["gzip"]
    assert reply.header("content-length") == [str(len(ZIPPED))]
    assert reply.header("etag") == ['"1"']


@pytest.mark.parametrize("status", [204, 304, 404, 418, 503])
async def test_answers_without_a_body_pass_and_the_connection_goes_on(door: Door, status: int) -> None:
    reader, writer = await door.connect()
    for _ in range(2):
        writer.write(head("GET", "/search", ("x-do", str(status))))
        assert (await read_reply(reader)).status == status
    writer.close()


async def test_head_is_no_method_of_ours_and_its_refusal_has_no_body(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("HEAD", "/search") + head("GET", "/search"))
    refused = await read_reply(reader, "HEAD")
    assert (refused.status, refused.header("allow")) == (405, ["GET"])
    assert (await read_reply(reader)).status == 200
    writer.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_arrives_whole(door: Door, chunked: bool) -> None:
    body = bytes(range(256)) * 1024
    reply = await door.ask("POST", "/behaviour-events", body=body, chunked=chunked)
    assert (reply.json()["size"], reply.json()["sha256"]) == (LIMIT, hashlib.sha256(body).hexdigest())


async def test_bodies_stream_both_ways(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("POST", "/behaviour-events", ("x-do", "copy"), size=None) + chunk(b"one"))
    async with asyncio.timeout(5):
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(8) == chunk(b"one")
        writer.write(chunk(b"two"))
        assert await reader.readexactly(8) == chunk(b"two")
        writer.write(b"0\r\n\r\n")
        assert await reader.readexactly(5) == b"0\r\n\r\n"
    writer.close()


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(door: Door) -> None:
    for size in (LIMIT + 1, 10**30):
        reader, writer = await door.connect()
        writer.write(head("POST", "/behaviour-events", size=size))
        reply = await read_reply(reader)
        assert reply.status in ((413,) if size < 10**12 else (400, 413))
        writer.close()


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * MIB])
async def test_a_body_that_grows_too_large_is_refused_when_it_does(door: Door, size: int) -> None:
    reply = await door.ask("POST", "/behaviour-events", body=b"x" * size, chunked=True)
    assert reply.status == 413
    assert reply.json()["type"] == "/problems/body-too-large"


async def test_callbacks_take_64_kib(door: Door) -> None:
    assert (await door.ask("POST", "/callbacks/logistics", body=b"x" * 64 * 1024)).status == 200
    assert (await door.ask("POST", "/callbacks/logistics", body=b"x" * (64 * 1024 + 1))).status == 413
    assert (
        await door.ask("POST", "/callbacks/logistics", body=b"x" * (64 * 1024 + 1), chunked=True)
    ).status == 413


async def test_a_slow_body_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.3)
    reader, writer = await door.connect()
    writer.write(head("POST", "/behaviour-events", size=10) + b"x")
    reply = await read_reply(reader)
    assert (reply.status, reply.json()["type"]) == (408, "/problems/body-timeout")
    assert reply.header("connection") == ["close"]
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_bodys_way_does_not_count_as_the_services_time(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("GET", "/search", size=4) + b"ab")
    await asyncio.sleep(2.3)
    writer.write(b"cd")
    reply = await read_reply(reader)
    assert (reply.status, reply.json()["size"]) == (200, 4)
    writer.close()


async def test_a_service_may_answer_before_the_body_came(door: Door) -> None:
    reader, writer = await door.connect()
    writer.write(head("POST", "/behaviour-events", ("x-do", "refuse"), size=1000) + b"x")
    assert (await read_reply(reader)).status == 401
    writer.close()


async def test_a_service_that_hangs_is_given_up_in_its_time(door: Door) -> None:
    door.echo.gone.clear()
    began = time.monotonic()
    reply = await door.ask("GET", "/search", ("x-do", "hang"))
    assert (reply.status, reply.header("retry-after")) == (503, ["1"])
    assert reply.json()["service"] == "catalog"
    assert 1.9 < time.monotonic() - began < 3.0
    async with asyncio.timeout(1):
        await door.echo.gone.wait()


@pytest.mark.parametrize("size", [0, 5])
async def test_a_client_that_goes_away_ends_its_call(door: Door, size: int) -> None:
    door.echo.gone.clear()
    _, writer = await door.connect()
    writer.write(head("POST", "/behaviour-events", ("x-do", "hang"), size=size) + b"x" * size)
    await asyncio.sleep(0.2)
    assert not door.echo.gone.is_set()
    writer.close()
    async with asyncio.timeout(1):
        await door.echo.gone.wait()


async def test_a_client_that_goes_away_amid_its_body_ends_its_call(door: Door) -> None:
    door.echo.gone.clear()
    _, writer = await door.connect()
    writer.write(head("POST", "/behaviour-events", ("x-do", "hang"), size=5) + b"x")
    await asyncio.sleep(0.2)
    writer.close()
    async with asyncio.timeout(1):
        await door.echo.gone.wait()


@pytest.mark.parametrize("death", ["break off", "crumble"])
async def test_an_answer_that_breaks_off_does_not_look_whole(door: Door, death: str) -> None:
    reply = await door.ask("GET", "/search", ("x-do", death))
    assert (reply.status, reply.body, reply.is_whole) == (200, b"half", False)


async def test_a_service_that_is_away_is_said_to_be_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with open_door("remote", tmp_path_factory.mktemp("door")) as door:
        reply = await door.ask("GET", "/promotions")
        assert reply.status == 503
        assert reply.json() == {
            "type": "/problems/service-unavailable",
            "title": "A part of the shop is not available right now",
            "status": 503,
            "service": "campaign",
        }


async def test_without_its_database_the_gateway_still_shows_the_shop_and_says_so(door: Door) -> None:
    assert (await door.ask("GET", "/search")).status == 200
    assert (await door.ask("GET", "/health/live")).status == 200
    assert (await door.ask("GET", "/health/ready")).status == 503
    for target in ("/search", "/me", "/operator/orders"):
        reply = await door.ask("GET", target, ("authorization", "Bearer x"))
        assert (reply.status, reply.json()["type"]) == (503, "/problems/busy")
        assert reply.header("retry-after") == ["1"]
    login = await door.ask(
        "POST",
        "/operator/auth/login",
        ("content-type", "application/json"),
        body=b'{"username":"owner","password":"x"}',
    )
    assert login.status == 503
