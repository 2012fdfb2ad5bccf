"""Who is turned away first, and which routes are how important (P13, SEC7)."""

from contextlib import ExitStack

import pytest

from gateway.limits.load import MOST_HELD, Load, Room, busy
from gateway.limits.priority import TURNED_AWAY_IN_ORDER, Priority
from gateway.limits.rates import Limit
from gateway.routes import ROUTES, Access
from gateway.settings import Settings
from shared.http.problems import Busy

BOUNDS = {
    Priority.BEACON: 80,
    Priority.BROWSE: 96,
    Priority.SEARCH: 104,
    Priority.CART: 112,
    Priority.ORDER: 128,
    Priority.PAYMENT: 160,
}


@pytest.fixture
def load() -> Load:
    return Load(Settings(database_url="x", identity_key_file="x", identity_keyring_file="x"))


def test_each_priority_gets_in_up_to_its_share_and_callbacks_always(load: Load) -> None:
    for under_way in range(300):
        load.all.under_way = under_way
        admitted = {each for each in Priority if load.admits("order", each)}
        assert admitted == {Priority.VITAL} | {each for each, bound in BOUNDS.items() if under_way < bound}


def test_a_service_that_is_slow_fills_its_own_share_only(load: Load) -> None:
    load.at["catalog"].under_way = load.all.under_way = 45
    assert not load.admits("catalog", Priority.BROWSE)
    assert load.admits("catalog", Priority.ORDER)
    assert load.admits("campaign", Priority.BROWSE)


@pytest.fixture
def room() -> Room:
    shares = dict.fromkeys(TURNED_AWAY_IN_ORDER, 100)
    return Room(100, shares, seconds=0.2)


def answers(room: Room, *took: float, at: float, waiting: int) -> float:
    """So many requests are waiting when some are answered; returns the width then."""
    room.under_way = waiting + len(took)
    for each in took:
        room.ended(began=at - each, now=at)
    assert room.under_way == waiting
    return room.width


def test_where_even_the_fastest_answer_is_slow_fewer_are_let_in_down_to_ten(room: Room) -> None:
    widths = [answers(room, 0.5, 0.3, at=number, waiting=100) for number in range(1, 7)]
    assert widths == [50, 25, 12.5, 10, 10, 10]
    room.under_way = 10
    assert not room.admits(Priority.PAYMENT)
    assert room.admits(Priority.VITAL)


def test_one_fast_answer_in_a_quarter_second_is_enough_to_let_more_in_again(room: Room) -> None:
    room.width = 10
    answers(room, 0.1, at=0.25, waiting=100)
    widths: list[float] = [room.width]
    for number in range(1, 25):
        answers(room, 0.5, at=number / 4 + 0.10, waiting=100)
        answers(room, 0.1, at=number / 4 + 0.15, waiting=100)
        widths.append(answers(room, 0.5, at=number / 4 + 0.25, waiting=100))
    assert widths[:3] == pytest.approx([12.0, 14.2, 16.62])
    assert widths == sorted(widths)
    assert widths[-1] == 100


def test_a_service_that_few_ask_is_slow_for_its_own_reasons(room: Room) -> None:
    assert answers(room, 5.0, at=1, waiting=30) == 100
    assert answers(room, 5.0, at=2, waiting=40) == 50


def test_a_request_counts_while_it_runs_however_it_ends(load: Load) -> None:
    with load.one_more("order"), load.one_more("catalog"):
        assert (load.all.under_way, load.at["order"].under_way, load.at["catalog"].under_way) == (2, 1, 1)
    with pytest.raises(RuntimeError), load.one_more("order"):
        raise RuntimeError
    assert load.all.under_way == load.at["order"].under_way == load.at["catalog"].under_way == 0


def test_those_who_are_turned_away_together_come_back_one_by_one() -> None:
    assert {busy().headers["retry-after"] for _ in range(300)} == set("12345")


def test_the_order_of_being_turned_away() -> None:
    assert [*TURNED_AWAY_IN_ORDER, Priority.VITAL] == list(reversed(Priority))


def test_callbacks_and_health_are_vital_and_nothing_else() -> None:
    vital = {f"{route.method} {route.template}" for route in ROUTES if route.priority is Priority.VITAL}
    callbacks = {f"POST {route.template}" for route in ROUTES if route.template.startswith("/callbacks/")}
    assert len(callbacks) == 3
    assert vital == callbacks | {"GET /health/live", "GET /health/ready"}


def test_priorities_and_limits_of_the_routes_that_matter() -> None:
    found = {f"{route.method} {route.template}": (route.priority, route.limit) for route in ROUTES}
    assert found["POST /orders/{order_id}/pay"] == (Priority.PAYMENT, None)
    assert found["GET /orders/{order_id}"] == (Priority.PAYMENT, None)
    assert found["POST /orders"] == (Priority.ORDER, Limit.ORDER)
    assert found["POST /checkout/preview"] == (Priority.ORDER, None)
    assert found["PUT /cart/lines/{sku_id}"] == (Priority.CART, None)
    assert found["GET /search"] == (Priority.SEARCH, Limit.SEARCH)
    assert found["GET /products"] == found["GET /home"] == (Priority.BROWSE, None)
    assert found["POST /behaviour-events"] == (Priority.BEACON, None)
    assert found["POST /coupon-templates/{template_id}/claim"] == (Priority.CART, Limit.CLAIM)
    logins = {name for name, (_, limit) in found.items() if limit is Limit.LOGIN}
    assert logins == {"POST /auth/wechat/login", "POST /operator/auth/login"}
    operators = {route.priority for route in ROUTES if route.access is Access.OPERATOR}
    assert operators == {Priority.ORDER}


def test_who_only_waits_takes_no_room_and_there_are_only_so_many(load: Load) -> None:
    with ExitStack() as waiting:
        for _ in range(MOST_HELD):
            waiting.enter_context(load.one_held())
        assert load.all.under_way == load.at["order"].under_way == 0
        with pytest.raises(Busy), load.one_held():
            pass
    with load.one_held():
        pass
