"""The audit while the shop is in use, and what its checkpoint spares it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from audit import advance, checkpoints, run
from audit.books import Row
from audit.checkpoints import Checkpoint
from audit.clauses import CLAUSES
from audit.databases import Place
from audit.run import Mode, Result, audit
from shared.clock import ManualClock
from shared.ids import new_id
from tests.audit.history import History, remember
from tests.integration.order.market import Market
from tests.support.shop import open_shop
from tests.support.wechat import open_wechat

LOOKS = 3
QUIET_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A shop in use, and its databases."""

    market: Market
    history: History
    owner: "asyncpg.Connection[Row]"

    async def look(self, mode: Mode, checkpoint: Checkpoint | None = None) -> Result:
        place = Place(self.history.urls, self.history.field_keys, is_running=True)
        read = partial(Checkpoint, positions=checkpoint.positions if checkpoint else {})
        return await audit(place, CLAUSES, mode=mode, read_checkpoint=read)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OpenShop]:
    async with (
        open_wechat(tmp_path_factory.mktemp("live-wechat")) as wechat,
        open_shop(wechat) as opened,
    ):
        market = Market(opened, ManualClock(datetime.now(UTC)))
        await market.prepare()
        history = remember(opened)
        owner = await asyncpg.connect(history.owner_urls["order"].replace("+asyncpg", ""))
        yield OpenShop(market, history, owner)
        await owner.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes of quiet, ten of margin, and the pause between samples are too long for a test."""
    monkeypatch.setattr(run, "QUIET_FOR", QUIET_FOR)
    monkeypatch.setattr(run, "AGAIN_AFTER_SECONDS", 1.0)
    for module in (checkpoints, advance):
        monkeypatch.setattr(module, "MARGIN", timedelta(0))


def _found(result: Result) -> list[Any]:
    return [found for outcome in result.outcomes for found in outcome.findings]


def _rows(result: Result) -> dict[str, int]:
    return {outcome.clause.id: outcome.rows for outcome in result.outcomes}


async def test_orders_that_flow_raise_no_alarm_and_a_lie_among_them_does(shop: OpenShop) -> None:
    market = shop.market
    sku = await market.sku(
        price_fen=200, stock=10_000
    )  # cheap: nobody rises a level between preview and order
    buyers = [await market.buyer(points=1_000) for _ in range(3)]
    seen_enough = asyncio.Event()

    async def shopping(buyer: Any) -> int:
        orders, wish = 0, {"lines": [{"sku_id": sku, "quantity": 2}], "use_points": 10}
        while not seen_enough.is_set():
            quote = await _patiently(buyer, "/checkout/preview", wish)
            body = wish | {"quote_fingerprint": quote["quote_fingerprint"]}
            order = await _patiently(buyer, "/orders", body, **{"idempotency-key": str(new_id())})
            path = f"/orders/{order['order_id']}"
            if orders % 3 == 2:
                await _patiently(buyer, f"{path}/cancel")
            else:
                payment = await _patiently(buyer, f"{path}/pay")
                await market.shop.wechat.pay(order["order_number"], payment["request_payment"])
            orders += 1
        return orders

    async with asyncio.TaskGroup() as tasks:
        traffic = [tasks.create_task(shopping(buyer)) for buyer in buyers]
        await asyncio.sleep(2 * QUIET_FOR.total_seconds())
        for _ in range(LOOKS):
            result = await shop.look(Mode.LIVE)
            assert [_found(result), result.exit_code] == [[], 0]
            await asyncio.sleep(1)
        seen_enough.set()
    assert sum(task.result() for task in traffic) >= 6
    await market.settle()
    await asyncio.sleep(QUIET_FOR.total_seconds())
    await shop.owner.execute(
        "UPDATE orders SET shipped_at = now() WHERE id = (SELECT id FROM orders WHERE"
        " status = 'closed' LIMIT 1)"
    )
    await shop.owner.execute(
        "UPDATE outbox SET type = 'order.lost.v1' WHERE id = (SELECT min(id) FROM outbox WHERE type = 'order.closed.v1')"
    )
    assert {found.clause for found in _found(await shop.look(Mode.LIVE))} == {"E1", "V6"}
    await shop.owner.execute("UPDATE outbox SET type = 'order.closed.v1' WHERE type = 'order.lost.v1'")
    await shop.owner.execute("UPDATE orders SET shipped_at = NULL WHERE status = 'closed'")


async def test_a_second_run_reads_only_what_is_new(shop: OpenShop) -> None:
    market = shop.market
    sku = await market.sku(price_fen=3_000, stock=100)
    buyer = await market.buyer()
    old = await market.paid_order(buyer, {sku: 1})
    await market.ship(old)
    assert (await buyer.post(f"/orders/{old['order_id']}/confirm-receipt")).status_code == 200
    await market.settle()
    first = await shop.look(Mode.REST)
    assert _found(first) == []
    unfinished = await shop.owner.fetchval(
        "SELECT count(*) FROM orders WHERE status NOT IN ('closed', 'completed')"
    )
    nothing_new = await shop.look(Mode.REST, first.checkpoint)
    assert _found(nothing_new) == []
    assert _rows(first)["M5"] == await shop.owner.fetchval("SELECT count(*) FROM orders")
    assert _rows(nothing_new)["M5"] == unfinished
    assert _rows(nothing_new)["E1"] < 25 < _rows(first)["E1"]
    assert _rows(nothing_new)["V5.chain"] == 0 < _rows(first)["V5.chain"]

    new = await market.paid_order(buyer, {sku: 1})
    later = await shop.look(Mode.REST, nothing_new.checkpoint)
    assert _found(later) == []
    assert _rows(later)["M5"] == unfinished + 1

    await _overcharge(shop, old["order_id"])
    await _overcharge(shop, new["order_id"])
    incremental = _found(await shop.look(Mode.REST, nothing_new.checkpoint))
    assert [(each.clause, dict(each.keys)["order_id"]) for each in incremental] == [("M5", new["order_id"])]
    whole = _found(await shop.look(Mode.REST))
    assert {dict(each.keys)["order_id"] for each in whole if each.clause == "M5"} == {
        old["order_id"],
        new["order_id"],
    }
    for order in (old, new):
        await _overcharge(shop, order["order_id"], fen=-1)


async def test_a_refund_of_a_finished_order_is_new(shop: OpenShop) -> None:
    market = shop.market
    sku = await market.sku(price_fen=3_000, stock=100)
    buyer = await market.buyer()
    order = await market.paid_order(buyer, {sku: 2})
    await market.ship(order)
    assert (await buyer.post(f"/orders/{order['order_id']}/confirm-receipt")).status_code == 200
    await market.settle()
    before = await shop.look(Mode.REST)
    line = (await market.detail(order))["lines"][0]["order_line_id"]
    assert (await market.try_refund(order, {line: 1})).status_code == 201
    await market.settle()
    await shop.owner.execute(
        "UPDATE refund_lines SET amount_fen = amount_fen - 1 WHERE order_line_id = $1", line
    )
    found = [each for each in _found(await shop.look(Mode.REST, before.checkpoint)) if each.clause == "M5"]
    assert [dict(each.keys)["order_id"] for each in found] == [order["order_id"]]


async def _patiently(buyer: Any, path: str, body: Any = None, **headers: str) -> Any:
    """What is busy for a moment is asked again, as clients do: the audit works in the same process."""
    while (answer := await buyer.post(path, body, **headers)).status_code == 503:
        await asyncio.sleep(0.1)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def _overcharge(shop: OpenShop, order_id: str, fen: int = 1) -> None:
    await shop.owner.execute(
        "UPDATE orders SET points_discount_fen = points_discount_fen + $2 WHERE id = $1", order_id, fen
    )
