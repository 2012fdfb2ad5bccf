"""Who hears from memory that something is sold out, and for how long (P13)."""

import asyncio
from uuid import UUID

import pytest

from services.order.orders import sold_out
from services.order.orders.sold_out import ASKING_SECONDS, REFUSED_SECONDS, RUSH, Shortages, SoldOut
from shared.ids import new_id

SKU, OTHER = new_id(), new_id()


class Till:
    """Buyers at moments of our choosing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.shortages = Shortages()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)

    def asks(self, quantity: int = 1, sku_id: UUID = SKU) -> float | None:
        """Somebody comes: since when they may ask the catalog, None when they hear at once that it is sold out."""
        try:
            return self.shortages.may_ask({sku_id: quantity})
        except SoldOut:
            return None

    def goes_on(self, since: float) -> bool:
        try:
            self.shortages.may_go_on({SKU: 1}, asking_since=since)
        except SoldOut:
            return False
        return True

    def are_refused(self, number: int, *, available: int = 0) -> None:
        for _ in range(number):
            self.shortages.was_refused(
                [{"sku_id": str(SKU), "wanted": available + 1, "available": available}]
            )


@pytest.fixture
async def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    return Till(monkeypatch)


async def test_without_a_rush_everybody_asks(till: Till) -> None:
    till.are_refused(RUSH - 1)
    assert till.asks() is not None
    till.now += REFUSED_SECONDS
    till.are_refused(RUSH - 1)
    assert till.asks() is not None


async def test_in_a_rush_the_refusal_is_that_of_the_catalog(till: Till) -> None:
    till.are_refused(RUSH, available=2)
    with pytest.raises(SoldOut) as refusal:
        till.shortages.may_ask({OTHER: 1, SKU: 3})
    assert refusal.value.document() == {
        "type": "/problems/catalog/insufficient-stock",
        "title": "Not enough stock",
        "status": 409,
        "items": [{"sku_id": str(SKU), "wanted": 3, "available": 2}],
    }
    assert till.asks(2) is not None
    assert till.asks(1, OTHER) is not None


async def test_in_a_rush_one_asks_now_and_then_for_all(till: Till) -> None:
    till.are_refused(RUSH)
    told = []
    for _ in range(40):
        told.append(till.asks() is None)
        if not told[-1]:
            till.are_refused(1)
        till.now += ASKING_SECONDS / 8
    assert [number for number, from_memory in enumerate(told) if not from_memory] == [8, 16, 24, 32]


async def test_when_nobody_is_refused_any_more_all_ask_after_a_second_at_the_latest(till: Till) -> None:
    till.are_refused(RUSH)
    till.now += REFUSED_SECONDS
    assert [till.asks() is None for _ in range(3)] == [False] * 3


async def test_what_is_got_again_is_asked_for_by_all(till: Till) -> None:
    till.are_refused(RUSH)
    till.now += ASKING_SECONDS
    since = till.asks()
    assert since is not None
    assert till.asks() is None
    till.shortages.was_granted([SKU], asking_since=since)
    assert till.asks() is not None


async def test_who_had_got_the_last_unit_before_says_nothing_of_those_who_came_later(till: Till) -> None:
    since = till.asks()
    assert since is not None
    till.now += 0.01
    till.are_refused(RUSH)
    till.shortages.was_granted([SKU], asking_since=since)
    assert till.asks() is None


async def test_who_was_let_through_before_the_others_were_refused_goes_no_further(till: Till) -> None:
    since = till.asks()
    assert since is not None
    assert till.goes_on(since)
    till.now += 0.01
    till.are_refused(RUSH)
    assert not till.goes_on(since)
    till.now += ASKING_SECONDS
    assert (since := till.asks()) is not None
    assert till.goes_on(since)


async def test_so_much_is_remembered_and_no_more(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sold_out, "MOST_SKUS", 2)
    till.are_refused(RUSH)
    for _ in range(2):
        till.shortages.was_refused([{"sku_id": str(new_id()), "wanted": 1, "available": 0}])
    assert till.asks() is not None


async def test_there_is_a_rush_from_the_eighth_refusal_until_a_second_after_the_last(till: Till) -> None:
    till.are_refused(RUSH - 1)
    assert not till.shortages.is_rush
    till.are_refused(1)
    assert till.shortages.is_rush
    till.now += REFUSED_SECONDS
    assert not till.shortages.is_rush


async def test_looking_at_the_refusal_lets_nobody_through_and_keeps_nobody_back(till: Till) -> None:
    till.are_refused(RUSH)
    refusal = till.shortages.refusal({SKU: 1, OTHER: 1})
    assert refusal is not None
    assert refusal.members == {"items": [{"sku_id": str(SKU), "wanted": 1, "available": 0}]}
    till.now += ASKING_SECONDS
    assert till.shortages.refusal({SKU: 1}) is None
    assert till.asks() == till.now
    assert till.shortages.refusal({SKU: 1}) is not None
