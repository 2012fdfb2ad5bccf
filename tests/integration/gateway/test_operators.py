"""Operators' accounts: passwords, guessing, roles, and how changes end logins (SEC2, SEC14)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.limits.buckets import Buckets
from gateway.limits.rates import Limit, Rate
from shared.database import begin
from shared.ids import new_id
from tests.integration.gateway.entrance import PASSWORD, Entrance, remembering


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    with remembering(monkeypatch) as clock:
        yield clock


@pytest_asyncio.fixture(loop_scope="session")
async def only_ten(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Ten logins, and then a long wait: passwords take their time to check. Afterwards all that is forgotten."""
    limits = entrance.resources.caller_limits
    monkeypatch.setattr(limits, "_rates", {**limits._rates, Limit.LOGIN: Rate(10, 3_600)})
    monkeypatch.setattr(limits, "_buckets", Buckets())
    yield
    async with begin(entrance.resources.engine) as work:
        await work.connection.execute(text("DELETE FROM rate_limits"))


async def change(entrance: Entrance, operator_id: str, **what: Any) -> httpx.Response:
    return await entrance.ask("PATCH", f"/operator/operators/{operator_id}", await entrance.owner(), what)


async def test_passwords_are_kept_as_argon2id_with_64_mib(entrance: Entrance) -> None:
    operator_id, _, _ = await entrance.operator("finance")
    rows = await entrance.rows("SELECT password_hash FROM operators WHERE id = :id", id=UUID(operator_id))
    assert rows[0]["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_wrong_name_and_a_wrong_password_are_refused_alike_and_take_as_long(
    entrance: Entrance,
) -> None:
    operator_id, username, _ = await entrance.operator("finance")
    assert (await change(entrance, operator_id, is_active=True)).status_code == 200
    closed_id, closed, _ = await entrance.operator("finance")
    assert (await change(entrance, closed_id, is_active=False)).status_code == 200

    async def refusal(name: str, password: str) -> tuple[float, int, Any]:
        began = time.perf_counter()
        answer = await entrance.log_in(name, password)
        return time.perf_counter() - began, answer.status_code, answer.json()

    names = (username, f"n{new_id().hex}", closed)
    rounds = [[await refusal(name, "wrong wrong wrong") for name in names] for _ in range(8)]
    answers = [(status, body) for each in rounds for _, status, body in each]
    assert answers == [answers[0]] * 24
    assert answers[0][0] == 401
    fastest = sorted(min(took for took, _, _ in of_name) for of_name in zip(*rounds, strict=True))
    assert fastest[0] > fastest[-1] / 2
    assert (await entrance.log_in(closed)).status_code == 401


async def test_guessing_is_stopped_after_ten_tries_even_all_at_once_and_from_invented_addresses(
    entrance: Entrance, only_ten: None
) -> None:
    async def guess(number: int) -> httpx.Response:
        body = {"username": f"n{new_id().hex}", "password": "wrong"}
        address = {"x-forwarded-for": f"6.6.6.{number}"}
        return await entrance.ask("POST", "/operator/auth/login", json=body, **address)

    answers = await asyncio.gather(*map(guess, range(15)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 5
    owner = await entrance.log_in("owner")
    assert owner.status_code == 429
    assert 300 <= int(owner.headers["retry-after"]) <= 360
    assert owner.json()["type"] == "/problems/too-many-requests"


async def test_a_taken_role_is_gone_within_five_seconds(entrance: Entrance, memory: SimpleNamespace) -> None:
    operator_id, _, token = await entrance.operator("auditor")
    assert (await entrance.ask("GET", "/operator/operators", token)).status_code == 200
    assert (await change(entrance, operator_id, roles=["finance"])).status_code == 200
    memory.now += 5
    assert (await entrance.ask("GET", "/operator/operators", token)).status_code == 403
    assert (await entrance.ask("GET", "/operator/me", token)).json()["roles"] == ["finance"]


@pytest.mark.parametrize("what", [{"is_active": False}, {"password": "another long password"}])
async def test_a_closed_account_and_a_new_password_end_all_logins_within_five_seconds(
    entrance: Entrance, memory: SimpleNamespace, what: dict[str, Any]
) -> None:
    operator_id, username, token = await entrance.operator("finance")
    other = (await entrance.log_in(username)).json()["token"]
    assert await entrance.knows(token, "/operator/me")
    assert (await change(entrance, operator_id, **what)).status_code == 200
    memory.now += 5
    assert not await entrance.knows(token, "/operator/me")
    assert not await entrance.knows(other, "/operator/me")
    assert (await entrance.log_in(username, PASSWORD)).status_code == 401


async def test_logging_out_as_an_operator_ends_the_login_at_once(entrance: Entrance) -> None:
    _, _, token = await entrance.operator("finance")
    assert await entrance.knows(token, "/operator/me")
    assert (await entrance.ask("POST", "/operator/auth/logout", token)).status_code == 204
    assert not await entrance.knows(token, "/operator/me")


async def test_the_last_owner_stays(entrance: Entrance) -> None:
    owners = await entrance.rows("SELECT id FROM operators WHERE 'owner' = ANY(roles) AND is_active")
    assert len(owners) == 1
    for what in ({"is_active": False}, {"roles": ["auditor"]}):
        answer = await change(entrance, str(owners[0]["id"]), **what)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/gateway/last-owner")
    assert await entrance.rows("SELECT id FROM operators WHERE 'owner' = ANY(roles) AND is_active") == owners


async def test_two_owners_cannot_take_each_other_away_at_once(entrance: Entrance) -> None:
    first_id, _, first = await entrance.operator("owner")
    second_id, _, second = await entrance.operator("owner")
    original = (await entrance.rows("SELECT id FROM operators WHERE username = 'owner'"))[0]["id"]
    answers = await asyncio.gather(
        entrance.ask("PATCH", f"/operator/operators/{second_id}", first, {"roles": ["auditor"]}),
        entrance.ask("PATCH", f"/operator/operators/{first_id}", second, {"roles": ["auditor"]}),
        entrance.ask("PATCH", f"/operator/operators/{original}", second, {"roles": ["auditor"]}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409]
    left = await entrance.rows("SELECT id FROM operators WHERE 'owner' = ANY(roles) AND is_active")
    assert len(left) == 1
    token = {UUID(first_id): first, UUID(second_id): second}.get(left[0]["id"], first)
    await entrance.ask("PATCH", f"/operator/operators/{original}", token, {"roles": ["owner"]})
    for operator_id in (first_id, second_id):
        await change(entrance, operator_id, roles=["auditor"])


@pytest.mark.parametrize(
    "body",
    [
        {"username": "Owner", "password": PASSWORD, "roles": ["finance"]},
        {"username": "a", "password": PASSWORD, "roles": ["finance"]},
        {"username": "ｏwner", "password": PASSWORD, "roles": ["finance"]},
        {"username": "a\u0000b", "password": PASSWORD, "roles": ["finance"]},
        {"username": "somebody", "password": "short", "roles": ["finance"]},
        {"username": "somebody", "password": PASSWORD, "roles": []},
        {"username": "somebody", "password": PASSWORD, "roles": ["root"]},
        {"username": "somebody", "password": PASSWORD, "roles": ["finance"], "is_active": True},
        {"username": "somebody", "password": PASSWORD},
    ],
)
async def test_a_malformed_account_is_not_made(entrance: Entrance, body: dict[str, Any]) -> None:
    before = await entrance.rows("SELECT count(*) FROM operators")
    answer = await entrance.ask("POST", "/operator/operators", await entrance.owner(), body)
    assert answer.status_code == 422
    assert await entrance.rows("SELECT count(*) FROM operators") == before


async def test_names_are_taken_once_and_every_change_is_in_the_audit_log(entrance: Entrance) -> None:
    operator_id, username, _ = await entrance.operator("finance")
    again = {"username": username, "password": PASSWORD, "roles": ["owner"]}
    answer = await entrance.ask("POST", "/operator/operators", await entrance.owner(), again)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/gateway/username-taken")
    await change(entrance, operator_id, password="another long password")
    _, _, auditor = await entrance.operator("auditor")
    path = f"/operator/audit-log/gateway?subject=operator/{operator_id}"
    entries = (await entrance.ask("GET", path, auditor)).json()["items"]
    assert [entry["action"] for entry in entries] == ["operator.change", "operator.log-in", "operator.create"]
    assert entries[0]["after"] == {"roles": ["finance"], "is_active": True, "password_changed": True}
    assert "another long password" not in str(entries)
    _, _, finance = await entrance.operator("finance")
    assert (await entrance.ask("GET", path, finance)).status_code == 403


async def test_a_login_that_cannot_be_a_name_is_refused_like_any_other(entrance: Entrance) -> None:
    for name in ("\x00", "' OR 1=1 --", "OWNER", "x" * 40, ""):
        assert (await entrance.log_in(name)).status_code in (401, 422), name
    bodies: list[Any] = [{}, {"username": "owner"}, {"username": "owner", "password": 1}, [], "x"]
    for surrogates in ({"username": "\ud800"}, {"password": "\ud800 and more"}):
        bodies.append({"username": "owner", "password": "x" * 10} | surrogates)
    async with entrance.shop.browser(**{"content-type": "application/json"}) as browser:
        for body in bodies:
            answer = await browser.post("/operator/auth/login", content=json.dumps(body).encode())
            assert answer.status_code == 422, (body, answer.text)
