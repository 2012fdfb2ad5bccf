"""Whatever comes in, the answer is a problem that says what to do, and never a 500 (SEC6, SEC9; reliability.md 4.D, 4.F)."""

import asyncio
from typing import Annotated

import pytest
from fastapi import Query
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres_roles import DatabaseUrls
from shared import database
from shared.database import begin, create_engine
from shared.http.app import service_router
from shared.http.bodies import MAX_BODY_BYTES, Body, Fen, Id, Instant, LongText, Quantity, Text
from shared.http.callers import Member, Operator
from shared.http.problems import Problem
from shared.http.work import Work
from shared.ids import new_id
from tests.integration.shared.conftest import Serve, Service, an_operator
from tests.support.kernel import execute, kernel_engine
from tests.support.proxy import wire_to

router = service_router()


class Wanted(Body):
    quantity: Quantity
    name: Text = "集市"
    note: LongText | None = None
    price_fen: Fen = 1
    id: Id | None = None
    at: Instant | None = None
    raw: str = ""


class SoldOut(Problem):
    slug, title, status = "test/sold-out", "Sold out", 409


@router.post("/wanted")
async def want(body: Wanted) -> dict[str, object]:
    return body.model_dump(mode="json")


@router.post("/kept")
async def keep(body: Wanted, work: Work) -> dict[str, object]:
    await work.connection.execute(text("SELECT CAST(:raw AS text)"), {"raw": body.raw})
    return {}


@router.get("/search")
async def search(work: Work, q: str, number: Annotated[int, Query()] = 1) -> dict[str, object]:
    found = await work.connection.execute(
        text("SELECT count(*) FROM counters WHERE name = :q AND value = :number"), {"q": q, "number": number}
    )
    return {"found": found.scalar_one()}


@router.get("/refused")
async def refuse() -> None:
    raise SoldOut("None are left.", headers={"x-more": "1"}, sku="S1")


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError


@router.get("/mine")
async def mine(caller: Member) -> dict[str, object]:
    return {"id": str(caller.member_id)}


@router.get("/locked")
async def locked(work: Work, name: str) -> None:
    await work.connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
    await work.connection.execute(text("UPDATE counters SET value = 1 WHERE name = :name"), {"name": name})


@router.get("/slow")
async def slow(work: Work) -> None:
    await work.connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
    await work.connection.execute(text("SELECT pg_sleep(1)"))


@router.get("/conflict/{state}")
async def conflict(work: Work, state: str) -> None:
    await work.connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))


@pytest.fixture
def service(serve: Serve) -> Service:
    return serve(router)


def the_problem(answer: object) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    document = answer.json()  # type: ignore[attr-defined]
    assert document["status"] == answer.status_code  # type: ignore[attr-defined]
    assert document["title"]
    return answer.status_code, document["type"].removeprefix("/problems/")  # type: ignore[attr-defined]


INVALID = (422, "invalid-request")

QUANTITIES = [
    "0",
    "-1",
    "1.5",
    "1.0",
    "1e2",
    '"1"',
    '"１"',
    "true",
    "null",
    "9223372036854775808",
    "10000",
    "[1]",
    "{}",
]


@pytest.mark.parametrize("quantity", QUANTITIES)
async def test_a_quantity_is_a_whole_number_from_1_to_9999(service: Service, quantity: str) -> None:
    answer = await service.call("POST", "/wanted", content=b'{"quantity":' + quantity.encode() + b"}")
    assert the_problem(answer) == INVALID
    assert answer.json()["errors"][0]["pointer"] == "/body/quantity"


@pytest.mark.parametrize("quantity", ["1", "9999"])
async def test_a_good_quantity_is_taken(service: Service, quantity: str) -> None:
    answer = await service.call("POST", "/wanted", content=b'{"quantity":' + quantity.encode() + b"}")
    assert answer.status_code == 200
    assert answer.json()["quantity"] == int(quantity)


BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "NaN": b'{"quantity": NaN}',
    "Infinity": b'{"quantity": -Infinity}',
    "more than a float": b'{"quantity": 1e999}',
    "a key twice": b'{"quantity": 1, "quantity": 2}',
    "a key twice, deeper": b'{"quantity": 1, "note": {"a": 1, "a": 2}}',
    "33 deep": b'{"quantity": 1, "note": ' + b"[" * 32 + b"]" * 32 + b"}",
    "very deep": b"[" * 100_000,
    "a number of 100,000 digits": b'{"quantity": ' + b"9" * 100_000 + b"}",
    "a lone surrogate": b'{"quantity": 1, "name": "\\ud800"}',
    "a lone surrogate as a key": b'{"quantity": 1, "\\udfff": 1}',
    "no UTF-8": b'{"quantity": 1, "name": "\xff"}',
    "UTF-16": '{"quantity": 1}'.encode("utf-16"),
    "an unknown field": b'{"quantity": 1, "status": "paid"}',
    "NUL only": b'{"quantity": 1, "name": "\\u0000"}',
    "zero width only": b'{"quantity": 1, "name": "\\u200b"}',
    "a name too long": b'{"quantity": 1, "name": "' + b"x" * 201 + b'"}',
    "no zone": b'{"quantity": 1, "at": "2026-05-01T00:00:00"}',
    "no id": b'{"quantity": 1, "id": "1"}',
    "money in yuan": b'{"quantity": 1, "price_fen": 1.5}',
    "too much money": b'{"quantity": 1, "price_fen": 10000000001}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_malformed_body_is_a_422(service: Service, body: bytes) -> None:
    assert the_problem(await service.call("POST", "/wanted", content=body)) == INVALID


async def test_a_body_may_nest_32_deep(service: Service) -> None:
    body = b'{"quantity": 1, "note": ' + b"[" * 31 + b"]" * 31 + b"}"
    answer = await service.call("POST", "/wanted", content=body)
    assert answer.json()["errors"][0]["pointer"] == "/body/note"


async def test_brackets_in_text_do_not_nest(service: Service) -> None:
    body = b'{"quantity": 1, "name": "' + b"[" * 50 + b'\\"{"}'
    assert (await service.call("POST", "/wanted", content=body)).status_code == 200


async def test_text_is_normalised(service: Service) -> None:
    body = '{"quantity": 1, "name": "  Ａ\\u200b\\u202eＢ\\u0000 "}'.encode()
    assert (await service.call("POST", "/wanted", content=body)).json()["name"] == "AB"


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"]
)
async def test_an_oversized_body_is_a_413_or_not_read(service: Service, content_type: str) -> None:
    size = 6 * 1024 * 1024 if "multipart" in content_type else MAX_BODY_BYTES + 1
    answer = await service.call(
        "POST", "/wanted", content=b" " * size, headers={"content-type": content_type}
    )
    assert the_problem(answer) == (413, "body-too-large")


async def test_a_body_at_the_limit_is_read(service: Service) -> None:
    body = b'{"quantity": 1}'.ljust(MAX_BODY_BYTES)
    assert (await service.call("POST", "/wanted", content=body)).status_code == 200


@pytest.mark.parametrize("raw", ["\\u0000", "a\\u0000b"])
async def test_text_that_the_database_cannot_keep_is_a_422(service: Service, raw: str) -> None:
    body = f'{{"quantity": 1, "raw": "{raw}"}}'.encode()
    assert the_problem(await service.call("POST", "/kept", content=body)) == INVALID


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=x&number=9223372036854775808",
        "q=x&number=-9223372036854775809",
        "q=x&number=1.5",
        "q=x&number=true",
        "q=x&number=",
        "number=1",
    ],
)
async def test_a_bad_query_is_a_422(service: Service, query: str) -> None:
    assert the_problem(await service.call("GET", f"/search?{query}")) == INVALID


@pytest.mark.parametrize("q", ["%ED%A0%80", "%FF", "%27%3B+DROP+TABLE+counters", "%25_%5C", "%F0%9F%98%80"])
async def test_a_strange_query_is_just_not_found(service: Service, q: str) -> None:
    answer = await service.call("GET", f"/search?q={q}")
    assert answer.json() == {"found": 0}


async def test_a_refusal_is_rendered_with_its_members_and_headers(service: Service) -> None:
    answer = await service.call("GET", "/refused")
    assert the_problem(answer) == (409, "test/sold-out")
    assert answer.json() == {
        "type": "/problems/test/sold-out",
        "title": "Sold out",
        "status": 409,
        "detail": "None are left.",
        "sku": "S1",
    }
    assert answer.headers["x-more"] == "1"


async def test_a_bug_is_a_500_that_tells_nothing(service: Service) -> None:
    answer = await service.call("GET", "/broken")
    assert the_problem(answer) == (500, "internal")
    assert "ZeroDivision" not in answer.text


async def test_what_is_not_there_is_a_404_and_what_may_not_be_done_a_405(service: Service) -> None:
    assert the_problem(await service.call("GET", "/nowhere")) == (404, "not-found")
    assert (await service.call("DELETE", "/wanted")).status_code == 405


async def test_a_caller_of_the_wrong_kind_must_log_in(service: Service) -> None:
    assert the_problem(await service.call("GET", "/mine", who=an_operator("owner"))) == (
        401,
        "unauthenticated",
    )


async def test_an_operator_without_the_role_is_forbidden() -> None:
    assert Operator("finance").roles == {"owner", "finance"}


async def test_a_lock_that_is_held_is_a_503_that_says_when_to_retry(
    service: Service, engine: AsyncEngine
) -> None:
    name = new_id().hex
    await execute(engine, "INSERT INTO counters (name, value) VALUES (:name, 0)", name=name)
    async with begin(engine) as other:
        await other.connection.execute(
            text("SELECT FROM counters WHERE name = :name FOR UPDATE"), {"name": name}
        )
        answer = await service.call("GET", f"/locked?name={name}")
    assert the_problem(answer) == (503, "busy")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path",
    ["/slow"]
    + [f"/conflict/{state}" for state in ("40P01", "40001", "57P01", "53100", "53200", "53300", "58030")],
)
async def test_a_database_in_trouble_is_a_503_that_says_when_to_retry(service: Service, path: str) -> None:
    answer = await service.call("GET", path)
    assert the_problem(answer) == (503, "busy")
    assert answer.headers["retry-after"] == "1"


async def test_a_broken_rule_of_the_database_is_a_bug(service: Service) -> None:
    assert the_problem(await service.call("GET", "/conflict/23514")) == (500, "internal")


async def test_a_database_that_is_away_is_a_503_and_the_process_not_ready(
    serve: Serve, urls: DatabaseUrls
) -> None:
    async with wire_to(urls.runtime) as wire:
        wired = create_engine(wire.url, application_name="wired")
        service = serve(router, on=wired)
        assert (await service.client.get("/health/ready")).status_code == 200
        await wire.cut()
        for _ in range(3):
            answer = await service.call("GET", "/search?q=x")
            assert the_problem(answer) == (503, "busy")
            assert answer.headers["retry-after"] == "1"
        assert (await service.client.get("/health/ready")).status_code == 503
        assert (await service.client.get("/health/live")).status_code == 200
        await wire.mend()
        assert (await service.call("GET", "/search?q=x")).json() == {"found": 0}
        assert (await service.client.get("/health/ready")).status_code == 200
        await wired.dispose()


async def test_a_full_pool_is_a_fast_503(
    serve: Serve, urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_WAIT_SECONDS", 1.0)
    async with kernel_engine(urls, pool_size=1) as small, begin(small):
        service = serve(router, on=small)
        async with asyncio.timeout(3):
            answers = await asyncio.gather(*(service.call("GET", "/search?q=x") for _ in range(5)))
    assert {the_problem(answer) for answer in answers} == {(503, "busy")}


async def test_without_an_identity_there_is_nothing_but_health(service: Service) -> None:
    for headers in (
        {},
        {"x-internal-identity": "x"},
        {"x-user-id": str(new_id())},
        {"authorization": "Bearer x"},
    ):
        answer = await service.client.get("/refused", headers=headers)
        assert the_problem(answer) == (401, "unauthenticated")
    assert (await service.client.get("/health/live")).json() == {"status": "live"}
