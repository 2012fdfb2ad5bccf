"""Logins of members: what a token is, how long it lives, and how it ends (SEC2)."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import text

from gateway.resources import open_resources
from gateway.sessions import sweeping
from gateway.sessions.storage import Sessions
from gateway.sessions.sweeping import sweep_sessions
from shared.database import begin
from shared.http.identity import Kind
from shared.ids import new_id
from tests.integration.gateway.entrance import Entrance, remembering


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The gateway's memory of sessions: it forgets when ``now`` moves on by five seconds."""
    with remembering(monkeypatch) as clock:
        yield clock


async def test_a_token_is_256_random_bits_and_only_its_digest_is_kept(entrance: Entrance) -> None:
    _, token, login = await entrance.member()
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    rows = await entrance.rows("SELECT * FROM sessions WHERE subject_id = :id", id=UUID(login["member_id"]))
    assert [row["token_digest"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    tables = await entrance.rows("SELECT relname FROM pg_stat_user_tables ORDER BY 1")
    for table in tables:
        found = await entrance.rows(
            f'SELECT count(*) AS n FROM "{table["relname"]}" AS t WHERE strpos(CAST(t AS text), :token) > 0',
            token=token,
        )
        assert found == [{"n": 0}], table


async def test_each_login_is_a_new_token_and_a_login_says_when_it_ends(entrance: Entrance) -> None:
    openid, first, login = await entrance.member()
    _, second, again = await entrance.member(openid)
    assert first != second
    assert login["member_id"] == again["member_id"]
    assert (login["is_new"], again["is_new"]) == (True, False)
    assert datetime.fromisoformat(login["expires_at"]) == entrance.clock.now() + timedelta(days=30)
    assert set(login) == {"token", "expires_at", "member_id", "is_new"}
    assert await entrance.knows(first)
    assert await entrance.knows(second)


async def test_a_login_that_is_not_used_ends_after_seven_days(
    entrance: Entrance, memory: SimpleNamespace
) -> None:
    _, token, _ = await entrance.member()
    entrance.clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert await entrance.knows(token)
    _, idle, _ = await entrance.member()
    entrance.clock.advance(timedelta(days=7))
    memory.now += 5
    assert not await entrance.knows(idle)
    assert not await entrance.knows(token)


async def test_a_login_ends_after_thirty_days_however_much_it_is_used(
    entrance: Entrance, memory: SimpleNamespace
) -> None:
    _, token, _ = await entrance.member()
    for _ in range(5):
        entrance.clock.advance(timedelta(days=5, hours=23))
        memory.now += 5
        assert await entrance.knows(token)
    entrance.clock.advance(timedelta(hours=4, minutes=59))
    memory.now += 5
    assert await entrance.knows(token)
    entrance.clock.advance(timedelta(minutes=1))
    memory.now += 5
    assert not await entrance.knows(token)


async def test_a_login_whose_use_cannot_be_noted_is_good_all_the_same(
    entrance: Entrance, memory: SimpleNamespace
) -> None:
    """Whatever keeps the database from writing: here somebody holds the row."""
    _, token, login = await entrance.member()
    entrance.clock.advance(timedelta(minutes=11))
    memory.now += 5
    async with begin(entrance.resources.engine) as work:
        held = text("SELECT FROM sessions WHERE subject_id = :id FOR UPDATE")
        await work.connection.execute(held, {"id": UUID(login["member_id"])})
        assert await entrance.knows(token)


async def test_the_sixth_login_ends_the_oldest(entrance: Entrance, memory: SimpleNamespace) -> None:
    openid, oldest, _ = await entrance.member()
    others = []
    for _ in range(4):
        others.append((await entrance.member(openid))[1])
    assert await entrance.knows(oldest)
    others.append((await entrance.member(openid))[1])
    memory.now += 5
    assert not await entrance.knows(oldest)
    assert [await entrance.knows(token) for token in others] == [True] * 5


async def test_however_many_log_in_at_once_five_logins_stay(entrance: Entrance) -> None:
    member_id = new_id()

    async def log_in() -> None:
        async with begin(entrance.resources.engine) as work:
            await Sessions(work.connection).open(
                Kind.MEMBER,
                member_id,
                wechat_openid=None,
                at=entrance.clock.now(),
                lasts=timedelta(days=30),
                keep=5,
            )
            await asyncio.sleep(0.02)

    await asyncio.gather(*(log_in() for _ in range(9)))
    rows = await entrance.rows("SELECT count(*) AS n FROM sessions WHERE subject_id = :id", id=member_id)
    assert rows == [{"n": 5}]


async def test_logging_out_ends_this_login_at_once_and_no_other(entrance: Entrance) -> None:
    openid, token, _ = await entrance.member()
    _, other, _ = await entrance.member(openid)
    assert await entrance.knows(token)
    for _ in range(2):
        assert (await entrance.ask("POST", "/auth/logout", token)).status_code == 204
    assert not await entrance.knows(token)
    assert await entrance.knows(other)
    assert (await entrance.ask("POST", "/auth/logout")).status_code == 204


async def test_a_login_that_ended_elsewhere_is_good_for_less_than_five_seconds(
    entrance: Entrance, memory: SimpleNamespace
) -> None:
    _, token, login = await entrance.member()
    assert await entrance.knows(token)
    async with begin(entrance.resources.engine) as work:  # another gateway process
        await Sessions(work.connection).close_all(Kind.MEMBER, UUID(login["member_id"]))
    memory.now += 4.99
    assert await entrance.knows(token)
    memory.now += 0.01
    assert not await entrance.knows(token)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Basic b3duZXI6b3duZXI=",
        "{token}",
        "Bearer{token}",
        "Bearer  {token}",
        "Bearer {token} ",
        "Token {token}",
        "Bearer {token},Bearer {token}",
        "Bearer null",
        "Bearer " + "x" * 9_000,
    ],
)
async def test_a_malformed_authorization_is_nobodys(entrance: Entrance, header: str) -> None:
    _, token, _ = await entrance.member()
    answer = await entrance.ask("GET", "/me", authorization=header.format(token=token))
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/unauthenticated"


async def test_the_scheme_is_read_in_any_case_and_two_logins_at_once_are_refused(entrance: Entrance) -> None:
    _, token, _ = await entrance.member()
    assert (await entrance.ask("GET", "/me", authorization=f"bEARER {token}")).status_code == 200
    async with entrance.shop.browser() as browser:
        twice = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        answer = await browser.get("/me", headers=twice)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/repeated-header")


async def test_the_token_counts_in_the_header_only(entrance: Entrance) -> None:
    _, token, _ = await entrance.member()
    assert (await entrance.ask("GET", f"/me?token={token}&access_token={token}")).status_code == 401
    assert (await entrance.ask("GET", "/me", cookie=f"token={token}")).status_code == 401


async def test_whoever_holds_an_ended_login_can_log_in_again(entrance: Entrance) -> None:
    openid = await entrance.shop.wechat.user()
    code = await entrance.shop.wechat.login_code(openid)
    answer = await entrance.ask("POST", "/auth/wechat/login", "ended long ago", {"code": code, "scene": None})
    assert answer.status_code == 201
    assert (await entrance.ask("GET", "/me", "ended long ago")).status_code == 401


async def test_an_operators_login_is_none_of_a_members(entrance: Entrance) -> None:
    _, token, _ = await entrance.member()
    owner = await entrance.owner()
    assert (await entrance.ask("GET", "/operator/me", token)).status_code == 401
    assert (await entrance.ask("GET", "/me", owner)).status_code == 401


async def test_ended_logins_are_swept_out_of_the_table(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, ended = await entrance.member()
    entrance.clock.advance(timedelta(days=7))
    _, token, living = await entrance.member()
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.01)
    task = asyncio.create_task(
        sweep_sessions(entrance.resources, idle=entrance.resources.settings.session_idle)
    )
    await asyncio.sleep(0.3)
    task.cancel()
    kept = await entrance.rows(
        "SELECT subject_id FROM sessions WHERE subject_id = :a OR subject_id = :b",
        a=UUID(ended["member_id"]),
        b=UUID(living["member_id"]),
    )
    assert [str(row["subject_id"]) for row in kept] == [living["member_id"]]
    assert await entrance.knows(token)


async def test_a_running_gateway_sweeps(monkeypatch: pytest.MonkeyPatch, entrance: Entrance) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 0.01)
    at = entrance.clock.now()
    session_id = new_id()
    async with begin(entrance.resources.engine) as work:
        await work.connection.execute(
            text(
                "INSERT INTO sessions (token_digest, id, kind, subject_id, created_at, last_seen_at, expires_at)"
                " VALUES (sha256(convert_to(:name, 'UTF8')), :id, 'member', :id, :at, :at, :at)"
            ),
            {"name": str(session_id), "id": session_id, "at": at},
        )
    async with open_resources(entrance.resources.settings, clock=entrance.clock):
        await asyncio.sleep(0.3)
    assert await entrance.rows("SELECT id FROM sessions WHERE id = :id", id=session_id) == []
