"""Nothing is sold twice, nothing is lost, whatever comes first (S1–S3, K10, K12, P6)."""

import asyncio
from uuid import UUID, uuid4

from sqlalchemy import text

from services.catalog.stock.storage import Stock
from shared.database import begin
from shared.ids import new_id
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from tests.integration.catalog.goods import AT, Catalog, closed, paid, refunded


async def test_of_two_buyers_of_the_last_unit_one_gets_it(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=1)
    answers = await asyncio.gather(*(catalog.reserve(new_id(), {sku_id: 1}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refusal = next(answer for answer in answers if answer.status_code == 409).json()
    assert refusal["type"] == "/problems/catalog/insufficient-stock"
    assert refusal["items"] == [{"sku_id": sku_id, "wanted": 1, "available": 0}]
    assert await catalog.stock(sku_id) == (1, 1, 0)


async def test_64_buyers_at_once_get_exactly_the_10_units_there_are(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=10)
    answers = await asyncio.gather(*(catalog.reserve(new_id(), {sku_id: 1}) for _ in range(64)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [409] * 54
    assert await catalog.stock(sku_id) == (10, 10, 0)


async def test_a_short_line_leaves_the_whole_order_without_stock_and_says_what_is_left(
    catalog: Catalog,
) -> None:
    plenty, few, unknown = await catalog.sku(stock=9), await catalog.sku(stock=2), str(uuid4())
    order_id = new_id()
    answer = await catalog.reserve(order_id, {plenty: 5, few: 3, unknown: 1})
    assert answer.status_code == 409
    assert {item["sku_id"]: (item["wanted"], item["available"]) for item in answer.json()["items"]} == {
        few: (3, 2),
        unknown: (1, 0),
    }
    assert await catalog.stock(plenty) == (9, 0, 0)
    assert await catalog.stock(few) == (2, 0, 0)
    assert (await catalog.reserve(order_id, {plenty: 5, few: 2})).json()["state"] == "held"


async def test_orders_that_name_their_skus_in_opposite_order_do_not_deadlock(catalog: Catalog) -> None:
    skus = [await catalog.sku(stock=1000) for _ in range(4)]
    forth, back = dict.fromkeys(skus, 1), dict.fromkeys(reversed(skus), 1)
    answers = await asyncio.gather(
        *(catalog.reserve(new_id(), back if number % 2 else forth) for number in range(60))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert [await catalog.stock(sku_id) for sku_id in skus] == [(1000, 60, 0)] * 4


async def test_stock_that_arrives_while_a_buyer_waits_for_the_row_is_held_and_counted(
    catalog: Catalog,
) -> None:
    sku_id = await catalog.sku(stock=1)
    await catalog.reserve(new_id(), {sku_id: 1})
    async with begin(catalog.engine) as work:
        await Stock(work.connection).adjust(UUID(sku_id), 1, source_id=new_id(), reason="found one", at=AT)
        own = (await work.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        buyer = asyncio.create_task(catalog.reserve(new_id(), {sku_id: 1}))
        while not await catalog.execute(
            "SELECT pid FROM pg_stat_activity WHERE :own = ANY (pg_blocking_pids(pid))", own=own
        ):
            await asyncio.sleep(0.01)
    assert (await buyer).status_code == 200
    assert await catalog.stock(sku_id) == (2, 2, 0)


async def test_those_who_wait_for_the_same_row_are_held_together(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=30)
    orders = [new_id() for _ in range(40)]
    async with begin(catalog.engine) as work:
        lock = "SELECT pg_backend_pid() FROM stock_levels WHERE sku_id = :sku_id FOR UPDATE"
        own = (await work.connection.execute(text(lock), {"sku_id": UUID(sku_id)})).scalar_one()
        buyers = [asyncio.create_task(catalog.reserve(order_id, {sku_id: 1})) for order_id in orders]
        while not await catalog.execute(
            "SELECT pid FROM pg_stat_activity WHERE :own = ANY (pg_blocking_pids(pid))", own=own
        ):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    answers = await asyncio.gather(*buyers)
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [409] * 10
    assert await catalog.stock(sku_id) == (30, 30, 0)
    transactions = await catalog.execute(
        "SELECT CAST(xmin AS text) AS own, count(*) AS orders FROM reservations"
        " WHERE order_id = ANY(:orders) AND state = 'held' GROUP BY 1",
        orders=orders,
    )
    assert sum(row.orders for row in transactions) == 30
    assert len(transactions) <= 4


async def test_who_wants_too_much_keeps_nobody_from_what_is_left(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=6)
    quantities = [1, 4, 4, 1, 1]  # the first is asked for alone, the others meanwhile
    answers = await asyncio.gather(*(catalog.reserve(new_id(), {sku_id: each}) for each in quantities))
    held = [each for each, answer in zip(quantities, answers, strict=True) if answer.status_code == 200]
    assert sorted(held) in ([1, 1, 4], [1, 1, 1])
    assert await catalog.stock(sku_id) == (6, sum(held), 0)
    assert {answer.status_code for answer in answers} == {200, 409}


async def test_asking_again_gives_the_same_answer_and_holds_nothing_more(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    answers = await asyncio.gather(*(catalog.reserve(order_id, {sku_id: 3}) for _ in range(5)))
    assert [answer.json() for answer in answers] == [{"order_id": str(order_id), "state": "held"}] * 5
    assert await catalog.stock(sku_id) == (10, 3, 0)


async def test_an_order_cannot_hold_something_else_under_the_same_id(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 3})
    answer = await catalog.reserve(order_id, {sku_id: 4})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/catalog/reservation-differs")
    assert await catalog.stock(sku_id) == (10, 3, 0)


async def test_a_released_order_gives_its_stock_back_once(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 4})
    for _ in range(2):
        answer = await catalog.release(order_id)
        assert (answer.status_code, answer.json()) == (200, {"order_id": str(order_id), "state": "released"})
    await catalog.announce("release-reservation", closed(order_id))
    assert await catalog.stock(sku_id) == (10, 0, 0)


async def test_an_order_that_released_before_it_reserved_never_holds_anything(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    assert (await catalog.release(order_id)).status_code == 200
    answer = await catalog.reserve(order_id, {sku_id: 1})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/catalog/reservation-released")
    assert await catalog.stock(sku_id) == (10, 0, 0)


async def test_reserving_and_releasing_at_once_never_leaves_stock_behind(catalog: Catalog) -> None:
    sku_id = await catalog.sku(stock=30)
    orders = [new_id() for _ in range(30)]
    await asyncio.gather(
        *(catalog.reserve(order_id, {sku_id: 1}) for order_id in orders),
        *(catalog.release(order_id) for order_id in orders),
    )
    assert await catalog.stock(sku_id) == (30, 0, 0)


async def test_paying_sells_what_was_held_once_however_often_it_is_announced(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 4})
    event = paid(order_id, {sku_id: 4})
    same = Delivery(event.type, f"[{encode(event, id=new_id(), at=AT)}]".encode(), redelivered=False)
    await catalog.deliver("commit-reservation", same)
    await catalog.deliver("commit-reservation", same)
    await catalog.announce("commit-reservation", event)
    assert await catalog.stock(sku_id) == (6, 0, 4)
    assert await catalog.stalled(order_id) == []
    assert (await catalog.reserve(order_id, {sku_id: 4})).json()["state"] == "committed"


async def test_what_is_sold_cannot_be_released(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 4})
    await catalog.announce("commit-reservation", paid(order_id, {sku_id: 4}))
    answer = await catalog.release(order_id)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/catalog/reservation-committed")
    assert await catalog.stock(sku_id) == (6, 0, 4)


async def test_what_was_released_cannot_be_sold_and_the_contradiction_is_kept_for_an_operator(
    catalog: Catalog,
) -> None:
    sku_id, good, bad = await catalog.sku(), new_id(), new_id()
    for order_id in (good, bad):
        await catalog.reserve(order_id, {sku_id: 2})
    await catalog.release(bad)
    await catalog.announce("commit-reservation", paid(bad, {sku_id: 2}), paid(good, {sku_id: 2}))
    assert await catalog.stock(sku_id) == (8, 0, 2)
    assert await catalog.stalled(good) == []
    [reason] = await catalog.stalled(bad)
    assert "given its stock back" in reason


async def test_orders_paid_together_are_sold_in_one_statement(catalog: Catalog) -> None:
    skus, counts = [await catalog.sku(stock=50) for _ in range(3)], {}
    for size in (1, 8):
        orders = [new_id() for _ in range(size)]
        for order_id in orders:
            await catalog.reserve(order_id, dict.fromkeys(skus, 1))
        with catalog.statements() as sent:
            await catalog.announce(
                "commit-reservation", *(paid(each, dict.fromkeys(skus, 1)) for each in orders)
            )
        counts[size] = len([each for each in sent if "reservations" in each])
    assert counts == {1: 1, 8: 1}
    assert [await catalog.stock(sku_id) for sku_id in skus] == [(41, 0, 9)] * 3


async def test_batches_beside_each_other_sell_every_order_once(catalog: Catalog) -> None:
    skus = [await catalog.sku(stock=100) for _ in range(4)]
    orders = [new_id() for _ in range(40)]
    for number, order_id in enumerate(orders):
        lines = dict.fromkeys(skus if number % 2 else reversed(skus), 1)
        assert (await catalog.reserve(order_id, lines)).status_code == 200
    batches = [orders[at::5] for at in range(5)] + [orders[at : at + 10] for at in range(0, 40, 10)]
    await asyncio.gather(
        *(
            catalog.announce("commit-reservation", *(paid(each, dict.fromkeys(skus, 1)) for each in batch))
            for batch in batches
        )
    )
    assert [await catalog.stock(sku_id) for sku_id in skus] == [(60, 0, 40)] * 4
    assert [await catalog.stalled(order_id) for order_id in orders] == [[]] * 40


async def test_a_payment_that_arrives_before_the_reservation_waits_for_it(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.announce("commit-reservation", paid(order_id, {sku_id: 1}))
    assert len(await catalog.stalled(order_id)) == 1
    await catalog.reserve(order_id, {sku_id: 1})
    await catalog.execute(
        "UPDATE stalled_events SET next_attempt_at = now() WHERE envelope LIKE :like", like=f"%{order_id}%"
    )
    await catalog.shop.platform.workers["catalog"].retry_due()
    assert await catalog.stock(sku_id) == (9, 0, 1)
    assert await catalog.stalled(order_id) == []


async def test_a_partial_refund_puts_just_its_units_back_once(catalog: Catalog) -> None:
    first, second = await catalog.sku(), await catalog.sku()
    order_id, refund_id = new_id(), new_id()
    await catalog.reserve(order_id, {first: 3, second: 2})
    await catalog.announce("commit-reservation", paid(order_id, {first: 3, second: 2}))
    for _ in range(2):
        await catalog.announce("restock-refunded", refunded(order_id, {first: 2}, refund_id=refund_id))
    assert await catalog.stock(first) == (9, 0, 1)
    assert await catalog.stock(second) == (8, 0, 2)
    await catalog.announce("restock-refunded", refunded(order_id, {first: 1, second: 2}))
    assert await catalog.stock(first) == (10, 0, 0)
    assert await catalog.stock(second) == (10, 0, 0)


async def test_no_more_comes_back_than_was_sold(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 3})
    await catalog.announce("commit-reservation", paid(order_id, {sku_id: 3}))
    await catalog.announce("restock-refunded", refunded(order_id, {sku_id: 4}))
    assert await catalog.stock(sku_id) == (7, 0, 3)
    assert len(await catalog.stalled(order_id)) == 1


async def test_a_refund_that_arrives_before_the_payment_waits(catalog: Catalog) -> None:
    sku_id, order_id = await catalog.sku(), new_id()
    await catalog.reserve(order_id, {sku_id: 3})
    await catalog.announce("restock-refunded", refunded(order_id, {sku_id: 3}))
    assert await catalog.stock(sku_id) == (10, 3, 0)
    [reason] = await catalog.stalled(order_id)
    assert "not sold yet" in reason
