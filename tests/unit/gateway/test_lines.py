"""Who waits for room: first come, first served, the more important first, bounded in number and in time (P13)."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.limits.load import Load
from gateway.limits.priority import Priority
from gateway.settings import Settings

PATIENT = 10.0


class Crowd:
    """People at a door that has room for eight orders at a service, ten payments, and five beacons."""

    def __init__(self, *, waiting: int = 6_000) -> None:
        settings = Settings(
            database_url="x",
            identity_key_file="x",
            identity_keyring_file="x",
            limit_under_way_at_service=10,
            limit_waiting=waiting,
        )
        self.load = Load(settings)
        self.came: list[str] = []

    def fill(self, number: int, service: str = "order") -> ExitStack:
        """So many are at work there until the stack is closed."""
        stack = ExitStack()
        for _ in range(number):
            stack.enter_context(self.load.one_more(service))
        return stack

    async def ask(
        self,
        name: str,
        priority: Priority = Priority.ORDER,
        *,
        service: str = "order",
        seconds: float = PATIENT,
    ) -> bool:
        """Somebody comes, is at work for a moment, and goes."""
        if not await self.load.gets_in(service, priority, seconds=seconds):
            return False
        with self.load.one_more(service):
            self.came.append(name)
            await asyncio.sleep(0)
        return True

    def send(self, name: str, priority: Priority = Priority.ORDER, **more: float) -> "asyncio.Task[bool]":
        return asyncio.create_task(self.ask(name, priority, **more))  # type: ignore[arg-type]


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    assert (crowd.load.all.under_way, crowd.load.at["order"].under_way) == (0, 0)


async def turns() -> None:
    """Let everybody do what they can now."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_orders_wait_for_room_and_are_served_in_the_order_in_which_they_came(crowd: Crowd) -> None:
    at_work = crowd.fill(8)
    tasks = [crowd.send(str(number)) for number in range(20)]
    await turns()
    assert (crowd.came, crowd.load.at["order"].under_way) == ([], 8)
    at_work.close()
    late = crowd.send("late")
    assert all(await asyncio.gather(*tasks, late))
    assert crowd.came == [*map(str, range(20)), "late"]


async def test_never_more_are_at_work_than_there_is_room_for(crowd: Crowd) -> None:
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, crowd.load.at["order"].under_way)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    assert all(await asyncio.gather(*(crowd.ask(str(number)) for number in range(5_000))))
    watching.cancel()
    assert most == 8
    assert crowd.came == [*map(str, range(5_000))]


async def test_payments_go_before_orders_that_came_before_them(crowd: Crowd) -> None:
    at_work = crowd.fill(10)
    tasks = [crowd.send("order"), crowd.send("another"), crowd.send("payment", Priority.PAYMENT)]
    await turns()
    at_work.close()
    assert all(await asyncio.gather(*tasks))
    assert crowd.came == ["payment", "order", "another"]


@pytest.mark.parametrize(
    "priority", [Priority.CART, Priority.SEARCH, Priority.BROWSE, Priority.BEACON], ids=str
)
async def test_what_matters_less_is_turned_away_at_once(crowd: Crowd, priority: Priority) -> None:
    with crowd.fill(9):
        assert not await crowd.ask("less", priority)


async def test_a_callback_waits_for_nobody(crowd: Crowd) -> None:
    with crowd.fill(30):
        order = crowd.send("order")
        await turns()
        assert await crowd.ask("callback", Priority.VITAL)
    assert await order
    assert crowd.came == ["callback", "order"]


async def test_a_line_at_one_service_is_none_at_another(crowd: Crowd) -> None:
    with crowd.fill(8):
        order = crowd.send("order")
        await turns()
        assert await crowd.ask("elsewhere", service="member")
    assert await order


async def test_only_so_many_wait() -> None:
    crowd = Crowd(waiting=2)
    with crowd.fill(8):
        tasks = [crowd.send(str(number)) for number in range(2)]
        await turns()
        assert not await crowd.ask("too many")
    assert all(await asyncio.gather(*tasks))
    assert await crowd.ask("now")


async def test_who_waits_too_long_is_turned_away_and_the_others_go_on(crowd: Crowd) -> None:
    with crowd.fill(8):
        patient, hasty = crowd.send("patient"), crowd.send("hasty", seconds=0.01)
        assert not await hasty
    assert await patient
    assert crowd.came == ["patient"]


async def test_who_leaves_the_line_takes_nobodys_place(crowd: Crowd) -> None:
    with crowd.fill(8):
        tasks = [crowd.send(str(number)) for number in range(4)]
        await turns()
        tasks[1].cancel()
    tasks[2].cancel()  # it is their turn, and they do not know yet
    await asyncio.gather(*tasks, return_exceptions=True)
    assert crowd.came == ["0", "3"]
