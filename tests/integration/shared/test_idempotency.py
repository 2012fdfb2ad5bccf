"""Retrying an unsafe call with its key has one effect and one answer (P2, K8)."""

import asyncio
from typing import Annotated

import httpx
import pytest
from fastapi import Request
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import UnitOfWork, begin
from shared.http.app import service_router
from shared.http.bodies import Body, View
from shared.http.callers import Member
from shared.http.idempotency import Idempotent, once
from shared.http.identity import Principal
from shared.http.problems import Problem
from shared.ids import new_id
from tests.integration.shared.conftest import Serve, Service, a_member
from tests.support.kernel import execute, scalar


class Taking(Body):
    name: str
    units: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(strict=False)] = 0


class Taken(View):
    left: int
    note: str = "集市"


class TooFew(Problem):
    slug, title, status = "test/too-few", "Not enough is left", 409


router = service_router()


@router.post("/takings/{shelf}", status_code=201)
async def take(shelf: str, body: Taking, key: Idempotent, caller: Member, request: Request) -> Taken:
    async def do(work: UnitOfWork) -> Taken:
        row = await work.connection.execute(
            text(
                "UPDATE counters SET value = value - :units WHERE name = :name AND value >= :units RETURNING value"
            ),
            {"units": body.units, "name": body.name},
        )
        left = row.scalar_one_or_none()
        if left is None:
            raise TooFew()
        await work.connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": body.seconds})
        return Taken(left=left)

    return await once(request.app.state.resources.engine, key, do)  # type: ignore[return-value]


@pytest.fixture
def service(serve: Serve) -> Service:
    return serve(router)


class Shopper:
    """One member who takes from a stock of 10."""

    def __init__(self, service: Service, engine: AsyncEngine) -> None:
        self.service, self.engine, self.name = service, engine, new_id().hex
        self.who = a_member()

    async def take(
        self,
        units: int = 1,
        *,
        key: str | None = "k",
        shelf: str = "a",
        who: Principal | None = None,
        seconds: float = 0,
    ) -> httpx.Response:
        body = {"name": self.name, "units": units, "seconds": seconds}
        headers = {} if key is None else {"idempotency-key": key}
        return await self.service.call(
            "POST", f"/takings/{shelf}", who=who or self.who, json=body, headers=headers
        )

    async def left(self) -> object:
        return await scalar(self.engine, "SELECT value FROM counters WHERE name = :name", name=self.name)


@pytest.fixture
async def shopper(service: Service, engine: AsyncEngine) -> Shopper:
    shopper = Shopper(service, engine)
    await execute(engine, "INSERT INTO counters (name, value) VALUES (:name, 10)", name=shopper.name)
    return shopper


async def test_a_repeated_call_gets_the_same_answer_and_has_one_effect(shopper: Shopper) -> None:
    answers = [await shopper.take(3) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert [answer.json() for answer in answers] == [{"left": 7, "note": "集市"}] * 3
    assert len({answer.content for answer in answers}) == 1
    assert await shopper.left() == 7


async def test_three_calls_at_once_have_one_effect(shopper: Shopper) -> None:
    answers = await asyncio.gather(*(shopper.take(3, seconds=0.2) for _ in range(3)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "/problems/idempotency-in-progress"
            assert answer.headers["retry-after"] == "1"
    assert await shopper.left() == 7
    assert (await shopper.take(3, seconds=0.2)).status_code == 201
    assert await shopper.left() == 7


async def test_a_call_that_crashed_before_its_commit_may_be_made_again(shopper: Shopper) -> None:
    crashing = asyncio.create_task(shopper.take(3, seconds=3))
    await asyncio.sleep(0.3)
    crashing.cancel()
    await asyncio.gather(crashing, return_exceptions=True)
    assert await shopper.left() == 10
    answer = await shopper.take(3, key="other")
    assert answer.status_code == 201

    async with asyncio.timeout(5):
        while (again := await shopper.take(3, seconds=3)).status_code == 409:
            await asyncio.sleep(0.05)
    assert again.status_code == 201
    assert await shopper.left() == 4


async def test_the_key_with_another_request_is_refused(shopper: Shopper) -> None:
    await shopper.take(3)
    for other in (await shopper.take(4), await shopper.take(3, shelf="b")):
        assert other.status_code == 422
        assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert await shopper.left() == 7


async def test_a_key_belongs_to_its_caller(shopper: Shopper) -> None:
    await shopper.take(3)
    assert (await shopper.take(3, who=a_member())).json() == {"left": 4, "note": "集市"}


@pytest.mark.parametrize("key", [None, "", "\t", "k" * 256])
async def test_a_call_without_a_usable_key_is_refused(shopper: Shopper, key: str | None) -> None:
    answer = await shopper.take(key=key)
    assert answer.status_code in (400, 422)
    assert answer.json()["type"] in ("/problems/idempotency-key-missing", "/problems/invalid-request")
    assert await shopper.left() == 10


async def test_a_refusal_keeps_nothing(shopper: Shopper) -> None:
    assert (await shopper.take(11)).json()["type"] == "/problems/test/too-few"
    assert (await shopper.take(0)).status_code == 422
    assert (await shopper.take(2)).json() == {"left": 8, "note": "集市"}


async def test_what_is_kept_is_kept_with_the_work(shopper: Shopper, engine: AsyncEngine) -> None:
    """The key, its request and its answer are rows of the same transaction."""
    await shopper.take(3)
    async with begin(engine) as work:
        rows = await work.connection.execute(
            text("SELECT status, answer, request_hash FROM idempotency_keys WHERE key LIKE :key"),
            {"key": f"member:{shopper.who.subject}:POST /takings/{{shelf}}:k"},
        )
        [(status, answer, request_hash)] = rows
    assert (status, answer) == (201, '{"left":7,"note":"集市"}')
    assert len(request_hash) == 64
