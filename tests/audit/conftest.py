"""One shop's history, made once and looked at by every test of the audit."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
import pytest_asyncio

from audit.books import Row
from services.payment.ledger import seals
from services.payment.ledger.balances import carry
from shared.database import begin
from tests.audit.history import History, remember, trade
from tests.support.shop import Shop, open_shop
from tests.support.wechat import open_wechat


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The databases of a shop that has traded, been drained and stopped; its books have several seals."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seals, "BATCH", 10)
        return await _history(tmp_path_factory)


async def _history(tmp_path_factory: pytest.TempPathFactory) -> History:
    async with (
        open_wechat(tmp_path_factory.mktemp("audit-wechat")) as wechat,
        open_shop(wechat) as shop,
    ):
        await trade(shop)
        await _drain(shop.platform)
        await _seal_and_carry(shop)
        history = remember(shop)
    await _stop_the_clocks(history)
    return history


async def _seal_and_carry(shop: Shop) -> None:
    """Seal what is left, and carry the balances as of each seal."""
    engine, at = shop.platform.resources["payment"].engine, shop.platform.clock.now()
    for step in (partial(seals.seal, at=at), partial(carry, journals=1)):
        has_more = True
        while has_more:
            async with begin(engine) as work:
                has_more = bool(await step(work))


async def _stop_the_clocks(history: History) -> None:
    """Nobody drives this shop's timers any more, and the tests may take longer than a timer may be late."""
    for name, url in history.owner_urls.items():
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        await connection.execute("UPDATE timers SET due_at = greatest(due_at, now() + interval '1 day')")
        if name == "payment":
            await connection.execute("UPDATE attempts SET queried_at = now() + interval '1 day'")
        await connection.close()


async def _drain(platform: object) -> None:
    """Refunds come back by notices, after the shop has settled once."""
    for _ in range(3):
        await platform.settle()  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def owners(history: History) -> "AsyncIterator[dict[str, asyncpg.Connection[Row]]]":
    """A connection to each database with its owner's rights."""
    connections = {
        name: await asyncpg.connect(url.replace("+asyncpg", "")) for name, url in history.owner_urls.items()
    }
    yield connections
    for connection in connections.values():
        await connection.close()
