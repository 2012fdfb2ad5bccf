"""`python -m audit` as operators and pipelines call it: exit codes, text, JSON; and that it cannot write."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from audit.books import Row
from audit.clauses import CLAUSES
from audit.databases import connect
from deploy.local.home import PROJECT
from tests.audit.history import History

Owners = Mapping[str, "asyncpg.Connection[Row]"]
NOWHERE = "postgresql+asyncpg://nobody:nothing@127.0.0.1:1/nothing"


def run(history: History, *words: str, home: Path, **urls: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, with its databases named by the environment."""
    named = {f"{name.upper()}_DATABASE_URL": url for name, url in {**history.urls, **urls}.items()}
    environment = {"PATH": os.environ["PATH"], "JISHI_HOME": str(home)} | named
    return subprocess.run(
        [sys.executable, "-m", "audit", *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


async def test_a_clean_shop_ends_with_0_and_says_what_was_looked_at(history: History, tmp_path: Path) -> None:
    done = run(history, "--rest", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violations of 0" in done.stdout
    assert "not checked V2: the field keys of member and order are not here" in done.stdout
    assert [line.split()[0] for line in done.stderr.splitlines()[1:]] == [clause.id for clause in CLAUSES]
    assert json.loads((tmp_path / "audit.json").read_text())["positions"].keys() >= {"events", "stock"}


async def test_a_violation_ends_with_1_and_is_told_as_json(
    history: History, owners: Owners, tmp_path: Path
) -> None:
    sku = await owners["catalog"].fetchval("SELECT sku_id FROM stock_levels ORDER BY 1 LIMIT 1")
    one_more = "UPDATE stock_levels SET on_hand = on_hand + $2 WHERE sku_id = $1"
    await owners["catalog"].execute(one_more, sku, 1)
    try:
        done = run(history, "--rest", "--json", home=tmp_path)
    finally:
        await owners["catalog"].execute(one_more, sku, -1)
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["mode"], told["exit_code"]) == ("rest", 1)
    (violation,) = told["violations"]
    assert (violation["id"], violation["keys"]) == ("S1", {"sku_id": str(sku)})
    assert violation["expected"] != violation["found"]
    states = {clause["id"]: clause["state"] for clause in told["clauses"]}
    assert states.keys() == {clause.id for clause in CLAUSES}
    assert (states["S1"], states["M1"], states["E5"]) == ("violated", "ok", "not checked")
    positions = json.loads((tmp_path / "audit.json").read_text())["positions"]
    assert "stock" not in positions
    assert positions.keys() >= {"orders", "events", "points"}


async def test_a_database_that_cannot_be_reached_ends_with_2(history: History, tmp_path: Path) -> None:
    done = run(history, "--rest", home=tmp_path, payment=NOWHERE)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "COULD NOT CHECK M1: Unreachable: the database of payment cannot be read" in done.stdout
    assert "COULD NOT CHECK S1" not in done.stdout


async def test_a_schema_that_cannot_be_read_ends_with_2(history: History, tmp_path: Path) -> None:
    empty = history.urls["catalog"].rpartition("/")[0] + "/postgres"
    done = run(history, "--rest", home=tmp_path, catalog=empty)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "COULD NOT CHECK S1: UndefinedTableError" in done.stdout
    assert "COULD NOT CHECK M1" not in done.stdout


async def test_a_machine_without_a_shop_ends_with_2(tmp_path: Path) -> None:
    done = run(History({}, {}, {}), home=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "COULD NOT CHECK M1: Unreachable: the database of payment cannot be read" in done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO outbox (event_id, type, subject, envelope) VALUES (gen_random_uuid(), 'a', 'b', '{}')",
        "UPDATE orders SET refunded_fen = 0",
        "DELETE FROM timers",
        "CREATE TABLE mine (id integer)",
        "TRUNCATE orders",
    ],
)
async def test_its_connections_cannot_write_even_with_the_owners_rights(
    history: History, statement: str
) -> None:
    connection = await connect(history.owner_urls["order"])
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_sum_of_fen_is_read_as_the_whole_number_it_is(history: History) -> None:
    connection = await connect(history.urls["order"])
    try:
        total = await connection.fetchval("SELECT sum(fen) FROM (VALUES (4000::bigint), (6000)) lines (fen)")
    finally:
        await connection.close()
    assert f"{total} fen" == "10000 fen"
