"""The load generator hides nothing: every unit is either done, by what came of it, or an error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from benchmarks.generator.connection import Connection, encoded
from benchmarks.generator.drive import MOST_EXAMPLES, Outcome, WrongAnswer, drive
from benchmarks.generator.plans import Plan
from benchmarks.generator.units import Replay, Rush, difference

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
BUSY = b'HTTP/1.1 503 Busy\r\ncontent-length: 25\r\n\r\n{"type":"/problems/busy"}'
GONE = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
OTHER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\nok"
FAREWELL = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[int]:
    """A server that gives these answers in turn, over all connections, and hangs up after one that is cut short."""
    turn = count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                answer = answers[next(turn) % len(answers)]
                writer.write(answer)
                await writer.drain()
                if answer in (CUT, FAREWELL):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


def a_plan(port: int, *, concurrency: int = 1) -> Plan:
    exchanges = [{"method": "GET", "path": "/", "is": "ok"}]
    return {
        "kind": "replay",
        "host": "127.0.0.1",
        "port": port,
        "concurrency": concurrency,
        "seconds": None,
        "units": None,
        "given": {"exchanges": exchanges},
    }


async def replayed(*answers: bytes, units: int) -> Outcome:
    async with server(*answers) as port:
        return await drive(Replay(a_plan(port)).unit, concurrency=1, units=units)


async def test_right_answers_are_done() -> None:
    outcome = await replayed(OK, CHUNKED, FAREWELL, units=9)
    assert (outcome.units, outcome.failures) == (9, 0)


async def test_another_body_is_an_error_and_not_done() -> None:
    outcome = await replayed(OK, OTHER, units=4)
    assert (outcome.units, outcome.failures) == (2, 2)
    assert list(outcome.errors) == ["WrongAnswer: GET / HTTP/1.1 → 200 b'no' instead of b'ok' at byte 0"]


async def test_another_status_is_an_error() -> None:
    outcome = await replayed(OK, GONE, units=4)
    assert (outcome.units, outcome.failures) == (2, 2)


async def test_being_turned_away_is_neither_done_nor_an_error() -> None:
    outcome = await replayed(OK, BUSY, units=4)
    assert (outcome.units, outcome.failures, outcome.turned_away) == (2, 0, 2)


async def test_an_answer_that_breaks_off_is_an_error_and_the_next_call_connects_again() -> None:
    outcome = await replayed(OK, CUT, units=6)
    assert (outcome.units, outcome.failures) == (3, 3)


async def test_nobody_there_is_an_error() -> None:
    outcome = await drive(Replay(a_plan(1)).unit, concurrency=1, units=3)
    assert (outcome.units, outcome.failures) == (0, 3)


async def test_fields_of_an_answer_are_compared_by_value() -> None:
    body = b'{"payable_fen":100,"note":"x"}'
    async with server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)) as port:
        right, wrong = a_plan(port), a_plan(port)
        right["given"]["exchanges"] = [{"method": "GET", "path": "/", "has": {"payable_fen": 100}}]
        wrong["given"]["exchanges"] = [{"method": "GET", "path": "/", "has": {"payable_fen": 101}}]
        assert (await drive(Replay(right).unit, concurrency=1, units=2)).units == 2
        assert (await drive(Replay(wrong).unit, concurrency=1, units=2)).errors == {
            "WrongAnswer: GET / HTTP/1.1 → {'payable_fen': 100}, expected {'payable_fen': 101}": 2
        }


async def test_in_a_rush_every_kind_of_answer_is_counted_by_its_name() -> None:
    refusal = b'{"type":"/problems/catalog/insufficient-stock"}'
    sold_out = b"HTTP/1.1 409 Conflict\r\ncontent-length: %d\r\n\r\n%b" % (len(refusal), refusal)
    order = b'{"order_id":"o","payable_fen":5}'
    placed = b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%b" % (len(order), order)
    async with server(placed, sold_out, BUSY, sold_out) as port:
        plan = a_plan(port, concurrency=4)
        plan["given"] = {"tokens": ["t"] * 4, "body": {}}
        rush = Rush(plan)
        await rush.prepare()
        outcome = await drive(rush.unit, concurrency=4, units=4)
    came = {name: len(each) for name, each in outcome.latencies_ms.items()}
    assert came == {"201": 1, "409 catalog/insufficient-stock": 2, "503 busy": 1}
    assert rush.notes == [["o", 5]]
    assert rush.calls == 4


async def test_as_many_units_are_begun_as_are_asked_for_by_as_many_workers() -> None:
    at_once: list[int] = []
    running = 0

    async def unit(_: int) -> str:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.001)
        running -= 1
        return "done"

    outcome = await drive(unit, concurrency=3, units=10)
    assert (outcome.units, max(at_once)) == (10, 3)


async def test_the_last_unit_is_waited_for_and_its_time_counts() -> None:
    outcome = await drive(_slow, concurrency=1, seconds=0.01)
    assert outcome.units == 1
    assert outcome.seconds >= 0.1
    assert outcome.latencies_ms["done"][0] >= 100


async def test_of_many_different_errors_the_number_is_kept() -> None:
    turn = count()

    async def unit(_: int) -> str:
        raise WrongAnswer(str(next(turn)))

    outcome = await drive(unit, concurrency=2, units=MOST_EXAMPLES + 7)
    assert outcome.failures == MOST_EXAMPLES + 7
    assert outcome.errors["other errors"] == 7


async def test_an_outcome_is_the_same_after_it_was_told() -> None:
    outcome = await drive(_slow, concurrency=1, units=1)
    assert Outcome.of(outcome.told()) == outcome


async def test_a_request_is_well_formed() -> None:
    request = encoded("POST", "/orders", host="h", body={"a": 1}, token="t", key="k")
    assert request == (
        b"POST /orders HTTP/1.1\r\nhost: h\r\nauthorization: Bearer t\r\nidempotency-key: k\r\n"
        b'content-type: application/json\r\ncontent-length: 8\r\n\r\n{"a": 1}'
    )


async def test_a_connection_counts_its_calls() -> None:
    async with server(OK) as port:
        connection = Connection("127.0.0.1", port)
        for _ in range(3):
            await connection.exchange(encoded("GET", "/", host="h"))
        connection.close()
    assert connection.calls == 3


def test_a_difference_is_shown_where_it_is() -> None:
    assert difference(b"abc", b"abd") == "b'abc' instead of b'abd' at byte 2"
    assert difference(b"ab", b"abd").endswith("at byte 2")


async def _slow(_: int) -> str:
    await asyncio.sleep(0.1)
    return "done"
