"""Events that are replayed take effect where they had none, and nowhere twice (P9, E3)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from deploy.owners import owner_engine
from deploy.reactions import all_reactions
from deploy.replay import NothingToReplay, announce_again, parked, rebuild
from shared.database import begin, reading
from shared.events import Envelope, OrderPaid
from shared.ids import first_id, new_id
from shared.messaging.inbox import TooOld
from shared.messaging.stalled import StalledEvents
from tests.support.shop import Shop, open_shop
from tests.support.wechat import WeChat

PROJECTION = "campaign.remember-buyer"
SAMPLE = json.loads(
    (Path(__file__).parents[2] / "contract" / "samples" / "order.paid.v1.json").read_text(encoding="utf-8")
)["data"]


@pytest_asyncio.fixture(loop_scope="session")
async def shop(wechat: WeChat) -> AsyncIterator[Shop]:
    """Orders, and campaign that remembers who bought."""
    async with open_shop(wechat, names=["order", "campaign"]) as opened:
        yield opened


async def pay_order(shop: Shop) -> UUID:
    """Announce the payment of an order; returns who paid."""
    member_id = new_id()
    event = OrderPaid.model_validate(
        SAMPLE | {"order_id": new_id(), "member_id": member_id, "coupon_id": None}
    )
    async with begin(shop.platform.resources["order"].engine) as work:
        await work.outbox.add(event, at=datetime.now(UTC))
    return member_id


async def buyers(shop: Shop) -> set[UUID]:
    """Whom campaign knows as buyers, once every event has arrived."""
    await shop.platform.settle()
    async with reading(shop.platform.resources["campaign"].engine) as connection:
        return set((await connection.execute(text("SELECT member_id FROM buyers"))).scalars())


async def forget_since(instant: datetime) -> None:
    """Set campaign's database back: what arrived since then never did."""
    async with owner_engine("campaign") as engine, engine.begin() as connection:
        forgotten = "DELETE FROM inbox WHERE handled_at >= :instant"
        await connection.execute(text(forgotten), {"instant": instant})
        await connection.execute(text("DELETE FROM buyers"))


async def test_a_projection_is_made_again_from_what_its_owners_announced(shop: Shop) -> None:
    members = {await pay_order(shop) for _ in range(3)}
    assert await buyers(shop) == members
    async with owner_engine("campaign") as engine, engine.begin() as connection:
        await connection.execute(
            text("DELETE FROM buyers WHERE member_id = :member_id"), {"member_id": min(members)}
        )
        await connection.execute(
            text("INSERT INTO buyers (member_id, first_paid_at) VALUES (:member_id, now())"),
            {"member_id": new_id()},
        )
    assert await rebuild(PROJECTION) == 3
    assert await buyers(shop) == members


async def test_only_a_reaction_that_keeps_a_projection_can_be_made_again() -> None:
    names = {reaction.name for reaction in all_reactions() if reaction.forget is not None}
    assert names == {PROJECTION, "catalog.count-sales", "analytics.record-facts"}
    with pytest.raises(NothingToReplay, match=r"campaign\.redeem-coupon keeps no projection"):
        await rebuild("campaign.redeem-coupon")


async def test_a_database_that_was_set_back_hears_again_what_it_missed(shop: Shop) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    members = {await pay_order(shop) for _ in range(3)}
    assert await buyers(shop) == members
    await forget_since(since)
    assert await buyers(shop) == set()
    async with owner_engine("order") as engine:
        assert await announce_again(engine, since=since, types=["order.closed.v1"]) == 0
        assert await announce_again(engine, since=since, types=["order.paid.v1"]) == 3
        assert await buyers(shop) == members
        assert await announce_again(engine, since=since) == 3
    assert await buyers(shop) == members


async def test_parked_events_are_listed_and_tried_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    member_id = new_id()
    data = SAMPLE | {"order_id": str(new_id()), "member_id": str(member_id), "coupon_id": None}
    envelope = Envelope(
        id=new_id(), source="jishi/order", type=OrderPaid.type, time=datetime.now(UTC), subject="x", data=data
    )
    async with begin(shop.platform.resources["campaign"].engine) as work:
        await StalledEvents(work.connection).park(PROJECTION, envelope, "a bug, mended since")
    assert await parked(again=False, services=["order", "campaign"]) == 1
    assert "a bug, mended since" in capsys.readouterr().out
    assert await buyers(shop) == set()
    assert await parked(again=True, services=["order", "campaign"]) == 1
    await shop.platform.workers["campaign"].retry_due()
    assert await buyers(shop) == {member_id}
    assert await parked(again=True, services=["order", "campaign"]) == 0


async def test_what_would_need_events_that_are_gone_is_refused_and_changes_nothing(shop: Shop) -> None:
    members = {await pay_order(shop) for _ in range(2)}
    assert await buyers(shop) == members
    kept_since = datetime.now(UTC) - timedelta(days=1)
    async with owner_engine("order") as engine:
        async with engine.begin() as connection:
            await connection.execute(
                text("INSERT INTO pruned (what, below) VALUES ('outbox', :below)"),
                {"below": first_id(kept_since)},
            )
        with pytest.raises(NothingToReplay, match=f"keeps its events since {kept_since:%Y-%m-%dT%H:%M}"):
            await announce_again(engine, since=kept_since - timedelta(seconds=1))
        assert await announce_again(engine, since=kept_since, types=["order.paid.v1"]) == 2
    with pytest.raises(NothingToReplay, match="what is older is gone"):
        await rebuild(PROJECTION)
    assert await buyers(shop) == members


async def test_what_may_have_been_applied_before_is_replayed_one_by_one_and_not_with_all(shop: Shop) -> None:
    envelope = Envelope(
        id=new_id(), source="jishi/order", type=OrderPaid.type, time=datetime.now(UTC), subject="x", data={}
    )
    async with begin(shop.platform.resources["campaign"].engine) as work:
        stalled = StalledEvents(work.connection)
        assert await stalled.fail(PROJECTION, envelope, TooOld()) == "parked"
    assert await parked(again=True, services=["campaign"]) == 1
    assert await parked(again=True, services=["campaign"]) == 1
    async with begin(shop.platform.resources["campaign"].engine) as work:
        assert await StalledEvents(work.connection).replay(PROJECTION, envelope.id)
