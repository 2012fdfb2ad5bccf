"""Calling a sibling: the same over a direct await and over HTTP (SEC3, K17)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import pytest
import pytest_asyncio
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from shared.clock import SystemClock
from shared.http.app import create_service_app, service_router
from shared.http.bodies import Body
from shared.http.callers import AnyCaller, CalledBy
from shared.http.identity import Principal
from shared.http.problems import Problem, UpstreamProblem
from shared.http.services import (
    Exchange,
    LocalExchange,
    RemoteExchange,
    Services,
    ServiceUnavailable,
    is_problem,
)
from shared.process import serving
from shared.resources import Resources
from shared.telemetry import current_trace_id, door_span
from tests.integration.shared.conftest import a_member, an_operator, identity_of

router = service_router()
ENDED: list[str] = []


class SoldOut(Problem):
    slug, title, status = "catalog/sold-out", "Sold out", 409


class Wanted(Body):
    units: int


@router.post("/echo")
async def echo(body: Wanted, request: Request, caller: AnyCaller, q: str = "") -> dict[str, Any]:
    return {
        "units": body.units,
        "q": q,
        "caller": str(caller.subject),
        "issuer": caller.issuer,
        "trace_id": current_trace_id(),
        "key": request.headers.get("idempotency-key"),
    }


@router.get("/sold-out")
async def sold_out() -> None:
    raise SoldOut("None are left.", items=[{"sku": "集市"}])


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError


@router.get("/nothing", status_code=204)
async def nothing() -> Response:
    return Response(status_code=204)


@router.get("/slow")
async def slow() -> None:
    try:
        await asyncio.sleep(20)
    finally:
        ENDED.append("slow")


@router.get("/big")
async def big() -> Response:
    return Response(b"x" * 1_000_000, headers={"X-Part": "1"})


@router.get("/from-order")
async def from_order(_: Annotated[Principal, Depends(CalledBy("order"))]) -> dict[str, str]:
    return {"hello": "order"}


@pytest.fixture(scope="module", params=["local", "remote"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(kind: str, engine: AsyncEngine, keys: Path) -> AsyncIterator[Exchange]:
    """A way to the service called `kernel`; nobody is at `absent`."""
    identity = identity_of("kernel", keys)
    resources = Resources(
        name="kernel",
        engine=engine,
        clock=SystemClock(),
        identity=identity,
        services=Services(identity, LocalExchange({})),
    )
    app = create_service_app(resources, router, title="Kernel")
    if kind == "local":
        yield LocalExchange({"kernel": app})
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with serving(app, "127.0.0.1", port, listener=listener):
            remote = RemoteExchange({"kernel": f"http://127.0.0.1:{port}"})
            yield remote
            remote.close()


@pytest.fixture
def services(exchange: Exchange, keys: Path) -> Services:
    """The order service's way to its siblings."""
    return Services(identity_of("order", keys), exchange)


async def test_a_call_carries_the_body_the_query_and_the_person_it_is_for(services: Services) -> None:
    member = a_member()
    answer = await services.call(
        "kernel",
        "POST",
        "/echo?q=%E9%9B%86",
        on_behalf_of=member,
        json={"units": 3},
        headers={"Idempotency-Key": "k"},
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "units": 3, "q": "集", "caller": str(member.subject), "issuer": "order", "trace_id": None, "key": "k"
    } | {"trace_id": answer.json()["trace_id"]}  # fmt: skip


async def test_the_trace_goes_on_at_the_other_side(services: Services) -> None:
    with door_span("POST order", None):
        trace = current_trace_id()
        answer = await services.call("kernel", "POST", "/echo", on_behalf_of=a_member(), json={"units": 1})
    assert trace is not None
    assert answer.json()["trace_id"] == trace


async def test_a_refusal_is_passed_on_as_it_was(services: Services) -> None:
    answer = await services.call("kernel", "GET", "/sold-out", on_behalf_of=a_member())
    assert is_problem(answer)
    with pytest.raises(UpstreamProblem) as refused:
        answer.json()
    assert refused.value.slug_of_cause == "catalog/sold-out"
    assert refused.value.members_of_cause["items"] == [{"sku": "集市"}]
    passed_on = refused.value.response()
    assert (passed_on.status_code, passed_on.media_type) == (409, "application/problem+json")
    assert bytes(passed_on.body) == answer.body


async def test_a_malformed_call_is_a_422(services: Services) -> None:
    answer = await services.call("kernel", "POST", "/echo", on_behalf_of=a_member(), json={"units": "3"})
    assert answer.status == 422


async def test_a_failure_over_there_is_unavailable_here(services: Services) -> None:
    answer = await services.call("kernel", "GET", "/broken", on_behalf_of=a_member())
    assert answer.status == 500
    with pytest.raises(ServiceUnavailable) as failed:
        answer.json()
    assert failed.value.headers == {"retry-after": "1"}


async def test_an_answer_may_be_empty_or_big(services: Services) -> None:
    empty = await services.call("kernel", "GET", "/nothing", on_behalf_of=a_member())
    assert (empty.status, empty.body, empty.json()) == (204, b"", None)
    big = await services.call("kernel", "GET", "/big", on_behalf_of=a_member())
    assert (len(big.body), big.headers["x-part"]) == (1_000_000, "1")


async def test_a_call_ends_at_its_deadline(services: Services) -> None:
    started = monotonic()
    with pytest.raises(ServiceUnavailable):
        await services.call("kernel", "GET", "/slow", on_behalf_of=a_member(), seconds=0.2)
    assert monotonic() - started < 1


async def test_a_service_that_is_not_there_is_unavailable(kind: str, keys: Path) -> None:
    exchange: Exchange = (
        RemoteExchange({"kernel": "http://127.0.0.1:9"}) if kind == "remote" else LocalExchange({})
    )
    with pytest.raises(ServiceUnavailable):
        await Services(identity_of("order", keys), exchange).call(
            "kernel", "GET", "/x", on_behalf_of=a_member()
        )


async def test_only_the_callers_on_the_list_get_through(
    services: Services, exchange: Exchange, keys: Path
) -> None:
    answer = await services.call("kernel", "GET", "/from-order", on_behalf_of=a_member())
    assert answer.json() == {"hello": "order"}
    gateway = Services(identity_of("gateway", keys), exchange)
    for who in (a_member(), an_operator("owner")):
        assert (await gateway.call("kernel", "GET", "/from-order", on_behalf_of=who)).status == 404


async def test_many_calls_at_once_do_not_disturb_each_other(services: Services) -> None:
    answers = await asyncio.gather(
        *(
            services.call("kernel", "POST", "/echo", on_behalf_of=a_member(), json={"units": number})
            for number in range(100)
        )
    )
    assert [answer.json()["units"] for answer in answers] == list(range(100))
