"""Who asks too often is told when to come back, and that is true (SEC7)."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.limits import storage
from gateway.limits.buckets import Buckets
from gateway.limits.callers import CallerLimits, TooManyRequests
from gateway.limits.rates import Limit, Rate
from gateway.sessions.storage import Sessions
from gateway.settings import Settings
from shared.database import begin, create_engine, reading
from shared.http.identity import Kind
from shared.ids import new_id
from tests.integration.gateway.echo import NOWHERE, Door, Reply, open_door
from tests.support.databases import fresh_databases

KEYS = {"database_url": "x", "identity_key_file": "x", "identity_keyring_file": "x", "limits_scale": 1.0}
LIMITS = {
    "limits_scale": 1.0,
    "limit_member_at_once": 3,
    "limit_anonymous": Rate(4, 2),
    "limit_member": Rate(3, 2),
    "limit_operator": Rate(5, 2),
    "limit_login": Rate(2, 2),
    "limit_order": Rate(2, 2),
    "limit_claim": Rate(2, 2),
    "limit_search": Rate(2, 2),
    "limit_media": Rate(6, 2),
}
"""As few that a test need not wait long."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A caller at a door that trusts one proxy: from an address of their own, logged in or not."""

    door: Door
    address: str
    token: str | None = None

    async def ask(self, method: str, path: str, do: str = "tell") -> Reply:
        headers = [("x-do", do), ("x-forwarded-for", self.address)]
        if self.token is not None:
            headers.append(("authorization", f"Bearer {self.token}"))
        return await self.door.ask(method, path, *headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    database = (await fresh_databases(["gateway"]))["gateway"]
    folder = tmp_path_factory.mktemp("door")
    async with open_door(
        "local", folder, database_url=database.runtime, trusted_proxies=1, **LIMITS
    ) as opened:
        yield opened


async def somebody(door: Door, kind: Kind = Kind.ANONYMOUS, address: str | None = None) -> Somebody:
    number = new_id().int
    address = address or f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::1"
    if kind is Kind.ANONYMOUS:
        return Somebody(door, address)
    subject = new_id()
    async with begin(door.resources.engine) as work:
        if kind is Kind.OPERATOR:
            await work.connection.execute(
                text(
                    "INSERT INTO operators (id, username, password_hash, roles, is_active, created_at)"
                    " VALUES (:id, :name, 'x', '{owner}', true, now())"
                ),
                {"id": subject, "name": subject.hex},
            )
        token, _ = await Sessions(work.connection).open(
            kind,
            subject,
            wechat_openid=None,
            at=door.resources.clock.now(),
            lasts=timedelta(days=1),
            keep=5,
        )
    return Somebody(door, address, token)


@pytest.mark.parametrize(
    ("kind", "method", "path", "limit"),
    [
        (Kind.ANONYMOUS, "GET", "/products", "anonymous"),
        (Kind.ANONYMOUS, "GET", "/search?q=tea", "search"),
        (Kind.ANONYMOUS, "GET", "/media/a.webp", "media"),
        (Kind.ANONYMOUS, "POST", "/auth/wechat/login", "login"),
        (Kind.ANONYMOUS, "POST", "/operator/auth/login", "login"),
        (Kind.MEMBER, "GET", "/cart", "member"),
        (Kind.MEMBER, "GET", "/products", "member"),
        (Kind.MEMBER, "GET", "/search?q=tea", "search"),
        (Kind.MEMBER, "POST", "/orders", "order"),
        (Kind.MEMBER, "POST", "/coupon-templates/x/claim", "claim"),
        (Kind.OPERATOR, "GET", "/operator/orders", "operator"),
    ],
)
async def test_every_limit_gives_its_calls_then_says_how_long_to_wait_and_keeps_its_word(
    door: Door, kind: Kind, method: str, path: str, limit: str
) -> None:
    who, rate = await somebody(door, kind), door.resources.settings.rates[Limit(limit)]
    began = time.monotonic()
    for _ in range(rate.calls):
        assert (await who.ask(method, path)).status != 429
    refused: list[Reply] = []
    while not refused or refused[-1].status != 429:  # a slow machine has earned some more calls meanwhile
        refused.append(await who.ask(method, path))
        assert len(refused) <= 1 + (time.monotonic() - began) / rate.interval
    assert refused[-1].json() == {
        "type": "/problems/too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": f"At most {rate.calls} in 2 s.",
        "limit": limit,
    }
    (wait,) = refused[-1].header("retry-after")
    assert wait == "1"
    await asyncio.sleep(int(wait))
    assert (await who.ask(method, path)).status != 429


async def test_a_household_shares_its_limit_and_others_and_members_have_their_own(door: Door) -> None:
    here = "2001:db8:99:1::"
    first = await somebody(door, address=f"{here}1")
    assert [(await first.ask("GET", "/products")).status for _ in range(4)] == [200] * 4
    assert (await (await somebody(door, address=f"{here}2")).ask("GET", "/products")).status == 429
    assert (await (await somebody(door, address="2001:db8:99:2::1")).ask("GET", "/products")).status == 200
    for _ in range(4):  # many members behind one address
        member = await somebody(door, Kind.MEMBER, f"{here}1")
        assert [(await member.ask("GET", "/cart")).status for _ in range(3)] == [200] * 3


async def test_callbacks_and_health_are_never_limited(door: Door) -> None:
    who = await somebody(door)
    for _ in range(12):
        assert (await who.ask("POST", "/callbacks/wechat-pay/payments")).status == 200
        assert (await who.ask("GET", "/health/live")).status == 200


async def test_a_member_has_so_many_requests_at_once(door: Door) -> None:
    member = await somebody(door, Kind.MEMBER)
    door.echo.calls.clear()
    hanging = [asyncio.create_task(member.ask("GET", "/cart", "hang")) for _ in range(3)]
    async with asyncio.timeout(10):
        while door.echo.calls.count("/cart") < 3:
            await asyncio.sleep(0.01)
    refused = await member.ask("POST", "/orders")
    assert (refused.status, refused.json()["limit"]) == (429, "at-once")
    assert (await (await somebody(door, Kind.MEMBER)).ask("POST", "/orders")).status == 200
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    async with asyncio.timeout(10):
        while door.resources.load.at["order"].under_way:
            await asyncio.sleep(0.01)
    assert (await member.ask("POST", "/orders")).status == 200


async def test_sixty_four_at_once_at_three_gateways_never_get_more_than_the_rate(door: Door) -> None:
    engine = door.resources.engine
    settings = Settings(**KEYS, limit_order=Rate(6, 3_600))  # type: ignore[arg-type]
    gateways = [CallerLimits(settings, engine, Buckets()) for _ in range(3)]
    who = str(new_id())
    waits: list[int] = []

    async def try_once(number: int) -> bool:
        try:
            await gateways[number % 3].count(Limit.ORDER, who)
        except TooManyRequests as refusal:
            waits.append(int(refusal.headers["retry-after"]))
            return False
        return True

    granted = await asyncio.gather(*map(try_once, range(64)))
    assert sum(granted) == 6
    assert not await try_once(0)
    assert len(waits) == 59
    assert all(500 < wait <= 600 for wait in waits)
    await CallerLimits(settings, engine, Buckets()).count(Limit.ORDER, str(new_id()))


async def test_what_one_gateway_knows_to_be_refused_costs_no_statement(door: Door) -> None:
    here = CallerLimits(Settings(**KEYS, limit_claim=Rate(1, 3_600)), door.resources.engine, Buckets())  # type: ignore[arg-type]
    who = str(new_id())
    await here.count(Limit.CLAIM, who)
    async with begin(door.resources.engine) as work:  # whoever asks the store now has to wait
        await work.connection.execute(text("LOCK TABLE rate_limits"))
        async with asyncio.timeout(0.4):
            with pytest.raises(TooManyRequests):
                await here.count(Limit.CLAIM, who)
            await here.count(Limit.MEMBER, who)  # and the rates of each second never ask it


@pytest.mark.parametrize("trouble", ["away", "hanging"])
async def test_while_the_store_is_away_each_gateway_counts_for_itself(door: Door, trouble: str) -> None:
    url = NOWHERE if trouble == "away" else door.resources.settings.database_url.get_secret_value()
    engine = create_engine(url, application_name="limits")
    here = CallerLimits(Settings(**KEYS, limit_login=Rate(3, 3_600)), engine, Buckets())  # type: ignore[arg-type]
    who, began = str(new_id()), time.monotonic()
    async with begin(door.resources.engine) as work:
        if trouble == "hanging":
            await work.connection.execute(text("LOCK TABLE rate_limits"))
        for _ in range(3):
            await here.count(Limit.LOGIN, who)
        with pytest.raises(TooManyRequests) as refused:
            await here.count(Limit.LOGIN, who)
        await here.count(Limit.LOGIN, str(new_id()))
    assert 1_100 < int(refused.value.headers["retry-after"]) <= 1_200
    assert time.monotonic() - began < 2.0, "only the first call waits for the store"
    await engine.dispose()


async def test_callers_are_stored_as_digests_and_forgotten_when_their_bucket_is_full(door: Door) -> None:
    engine = door.resources.engine
    await storage.take(engine, Limit.LOGIN, Rate(1, 3_600), ["203.0.113.77"])
    await storage.take(engine, Limit.LOGIN, Rate(1_000_000, 1), ["203.0.113.78"])
    await asyncio.sleep(0.01)

    async def rows() -> list[bytes]:
        async with reading(engine) as connection:
            found = await connection.execute(text("SELECT key, to_jsonb(rate_limits)::text FROM rate_limits"))
            return [bytes(key) for key, told in found if "203.0.113" not in told]

    before = await rows()
    assert await storage.sweep(engine) >= 1
    after = await rows()
    assert set(after) < set(before)
    taken = await storage.take(engine, Limit.LOGIN, Rate(1, 3_600), ["203.0.113.77", "203.0.113.79"])
    assert (taken["203.0.113.77"].is_granted, taken["203.0.113.79"].is_granted) == (False, True)
