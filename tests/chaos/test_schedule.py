"""The schedule is made before the run, is the same for the same seed, and holds all that its size promises."""

import json
from collections import Counter
from pathlib import Path

import pytest

from chaos.schedule import SIZES, Kind, Mode, plan, write_schedule
from deploy.layout import PROCESSES


def test_the_same_seed_makes_the_same_schedule_and_another_seed_another() -> None:
    size = SIZES["small"]
    assert plan(7, size, Mode.FULL) == plan(7, size, Mode.FULL)
    assert plan(7, size, Mode.FULL) != plan(8, size, Mode.FULL)


@pytest.mark.parametrize("name", ["small", "full"])
def test_every_process_is_killed_and_every_server_restarted_as_often_as_promised(name: str) -> None:
    size = SIZES[name]
    faults = plan(1, size, Mode.FULL)
    kills = Counter(fault.target for fault in faults if fault.kind is Kind.KILL)
    assert kills == {process.name: size.kills for process in PROCESSES}
    kinds = Counter(fault.kind for fault in faults)
    assert (kinds[Kind.RESTART_BROKER], kinds[Kind.RESTART_DATABASE]) == (
        size.broker_restarts,
        size.database_restarts,
    )
    assert all(0 < fault.at_order < size.orders for fault in faults)


def test_a_deploy_replaces_every_process_and_breaks_nothing() -> None:
    faults = plan(1, SIZES["deploy"], Mode.FULL)
    assert {fault.kind for fault in faults} == {Kind.ROLL}
    assert sorted(fault.target for fault in faults) == sorted(process.name for process in PROCESSES)


def test_sizes_are_those_of_the_promise() -> None:
    small, full = SIZES["small"], SIZES["full"]
    assert (small.orders, small.kills, small.broker_restarts, small.database_restarts) == (1_000, 5, 1, 1)
    assert (full.orders, full.kills, full.broker_restarts, full.database_restarts) == (20_000, 30, 5, 3)


def test_in_one_process_there_is_no_broker_to_break_and_dying_at_a_commit_stands_in_for_it() -> None:
    size = SIZES["small"]
    full, embedded = (Counter(fault.kind for fault in plan(1, size, mode)) for mode in Mode)
    assert full.keys() - embedded.keys() == {Kind.CUT_ACK, Kind.RESTART_BROKER}
    assert embedded.keys() - full.keys() == {Kind.KILL_AT_COMMIT}
    assert embedded[Kind.KILL_AT_COMMIT] == size.ack_cuts
    for kind in (Kind.CUT_COMMIT, Kind.CUT_DATABASE, Kind.RESTART_DATABASE, Kind.WECHAT):
        assert embedded[kind] == full[kind]


def test_the_schedule_is_written_before_the_run(tmp_path: Path) -> None:
    size = SIZES["tiny"]
    faults = plan(3, size, Mode.FULL)
    write_schedule(tmp_path, faults, seed=3, size=size, mode=Mode.FULL)
    written = json.loads((tmp_path / "schedule.json").read_text())
    assert (written["seed"], written["mode"], written["size"]["orders"]) == (3, "full", size.orders)
    assert [(each["at_order"], each["kind"], each["target"]) for each in written["faults"]] == [
        (fault.at_order, fault.kind, fault.target) for fault in faults
    ]
