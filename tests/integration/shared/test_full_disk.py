"""A disk that is full: writing is refused and changes nothing, reading goes on, and room is all it takes (4.D)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.layout import PACKAGES
from shared.clock import ManualClock
from shared.database import UnitOfWork, begin, is_disk_full
from shared.events import EVENT_TYPES, MemberRegistered
from shared.http.identity import Identity, generate_keys
from shared.ids import new_id
from shared.messaging import consumer as consumer_module
from shared.messaging.reactions import Received
from shared.messaging.transport import Delivery
from shared.messaging.transports.local import LocalTransport
from shared.timers.loop import Timer, TimerLoop, Timers
from tests.integration.order.market import Market
from tests.messaging.lines import Line, a_delivery, a_service, consumer, until
from tests.support.kernel import PACKAGE, execute, kernel_engine, scalar
from tests.support.shop import open_shop
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.wechat import WeChat

SHOP = ["catalog", "order", "payment", "member", "campaign"]
MIGRATIONS = {name: f"{PACKAGES[name]}.migrations" for name in SHOP} | {"kernel": PACKAGE}
BIG_NOTE = text("INSERT INTO journal (note) VALUES (:note)")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def disk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SmallDisk]:
    async with small_disk(tmp_path_factory.mktemp("small-disk"), MIGRATIONS, megabytes=48) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def full_engine(disk: SmallDisk) -> AsyncIterator[AsyncEngine]:
    """The kernel's tables on the small disk."""
    async with kernel_engine(disk.databases["kernel"]) as engine:
        yield engine


@pytest.fixture
def line(full_engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory) -> Line:
    folder = tmp_path_factory.mktemp("identity")
    identity = Identity.from_files("kernel", folder / "kernel.pem", generate_keys(folder, ["kernel"]))
    return Line(engine=full_engine, identity=identity, amqp_url=None, service=a_service())


async def write_big_note(work: UnitOfWork) -> None:
    """Write what finds no room in any page that is there: its table must grow."""
    await work.connection.execute(BIG_NOTE, {"note": secrets.token_hex(20_000)})


def the_refusal(answer: httpx.Response) -> tuple[int, str, str, str]:
    return (
        answer.status_code,
        answer.headers["content-type"],
        answer.headers["retry-after"],
        answer.json()["type"],
    )


async def ignore(_: Sequence[Delivery]) -> None:
    """Listen to every event, as the analytics service does in a whole shop."""


async def test_while_the_disk_is_full_orders_are_refused_and_goods_are_shown_and_then_the_shop_goes_on(
    disk: SmallDisk, wechat: WeChat
) -> None:
    clock, transport = ManualClock(datetime.now(UTC)), LocalTransport()
    await transport.bind("analytics.listen", EVENT_TYPES)
    listening = asyncio.create_task(transport.consume("analytics.listen", ignore))
    async with open_shop(
        wechat, clock=clock, transport=transport, names=SHOP, databases=disk.databases
    ) as shop:
        market = Market(shop, clock)
        await market.prepare()
        await market.align()
        product = await market.product(price_fen=1_000, stock=10)
        sku = product["skus"][0]["sku_id"]
        buyer = await market.buyer()
        body = await market.order_body(buyer, {sku: 2})
        await market.settle()
        key = str(new_id())
        engine = shop.platform.resources["order"].engine
        async with engine.connect() as witness:  # cut off by a server that crashes and starts again
            server_pid = (await witness.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with disk.full():
                visitor = shop.as_anonymous()
                for _ in range(3):
                    refused = await buyer.post("/orders", body, **{"idempotency-key": key})
                    assert the_refusal(refused) == (
                        503,
                        "application/problem+json",
                        "1",
                        "/problems/busy",
                    )
                    shown = await visitor.get("catalog", f"/products/{product['product_id']}")
                    assert shown.json()["skus"][0]["available"] == 10
                    found = await visitor.get("catalog", "/products")
                    assert [each["product_id"] for each in found.json()["items"]] == [product["product_id"]]
                    assert (await buyer.get("/orders")).json()["items"] == []
                    assert (await visitor.get("order", "/health/ready")).status_code == 200
            order = await buyer.post("/orders", body, **{"idempotency-key": key})
            assert order.status_code == 201, order.text
            again = await buyer.post("/orders", body, **{"idempotency-key": key})
            assert again.json() == order.json()
            await market.pay(buyer, order.json())
            assert (await witness.execute(text("SELECT pg_backend_pid()"))).scalar_one() == server_pid
        assert await market.status(order.json()) == "paid"
        assert [each["order_id"] for each in (await buyer.get("/orders")).json()["items"]] == [
            order.json()["order_id"]
        ]
        stock = shop.platform.resources["catalog"].engine
        assert await scalar(stock, "SELECT on_hand FROM stock_levels WHERE sku_id = :sku", sku=sku) == 8
        for resources in shop.platform.resources.values():
            assert await scalar(resources.engine, "SELECT count(*) FROM stalled_events") == 0
    listening.cancel()


async def test_an_event_that_comes_while_the_disk_is_full_waits_and_is_applied_once(
    disk: SmallDisk, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tables have room, so that it could be counted against the event; it is not, however long it lasts."""
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.01)
    tries = 0

    async def react(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        nonlocal tries
        tries += 1
        if received.event.scene == "poison":
            raise ValueError
        await write_big_note(work)

    async def was_tried_often() -> bool:
        return tries > 3 * consumer_module.OUTAGES_A_TRY

    before, during = new_id(), new_id()
    handle = consumer(line, line.reaction(react)).handle
    await handle([a_delivery(new_id(), scene="poison"), a_delivery(before)])
    await line.execute("DELETE FROM stalled_events")
    async with disk.full():
        handling = asyncio.create_task(handle([a_delivery(during)]))
        await until(was_tried_often)
        assert not handling.done()
        assert await line.stalled() == []
        assert await line.effects() == {before: 1}
    await handling
    assert await line.effects() == {before: 1, during: 1}
    assert await line.stalled() == []


async def test_a_worker_goes_on_by_itself_when_there_is_room_again(
    disk: SmallDisk, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "OUTAGE_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("shared.messaging.relay.PAUSE_SECONDS", 0.1)

    async def react(work: UnitOfWork, _: Received[MemberRegistered]) -> None:
        await write_big_note(work)

    ids = await line.announce(5)
    async with AsyncExitStack() as stack:
        async with disk.full():
            await stack.enter_async_context(line.working(line.reaction(react, name="note")))
            with pytest.raises(DBAPIError) as refused:
                await line.announce(5_000)
            assert is_disk_full(refused.value)
            await asyncio.sleep(0.5)
            assert await line.effects("note") == {}
            assert await line.unsent() == 5
        await line.applied_once(ids, reaction="note")
        await line.all_sent()
    assert await line.stalled() == []


async def test_a_timer_that_finds_the_disk_full_runs_again_and_takes_effect_once(
    disk: SmallDisk, full_engine: AsyncEngine
) -> None:
    timers: Timers[None] = Timers()
    kind = new_id().hex
    at = datetime(2026, 5, 1, 8, tzinfo=UTC)
    notes = "SELECT count(*) FROM journal"

    @timers.on(kind)
    async def run(_: None, __: Timer) -> datetime | None:
        async with begin(full_engine) as work:
            await write_big_note(work)
        return None

    loop = TimerLoop(full_engine, ManualClock(at), None, timers.all)
    async with begin(full_engine) as work:
        await work.timers.set(kind, "the one", due_at=at)
    before = await scalar(full_engine, notes)
    assert isinstance(before, int)
    async with disk.full():
        assert await loop.run_due() == 1
        assert await scalar(full_engine, notes) == before
        error = await scalar(full_engine, "SELECT last_error FROM timers WHERE kind = :kind", kind=kind)
        assert "No space left on device" in str(error)
    await execute(full_engine, "UPDATE timers SET leased_until = NULL WHERE kind = :kind", kind=kind)
    assert [await loop.run_due(), await loop.run_due()] == [1, 0]
    assert await scalar(full_engine, notes) == before + 1
