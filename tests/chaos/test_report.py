"""A run passes only when its faults hurt and nothing was found; what counts as available is told apart from outages."""

from dataclasses import replace
from pathlib import Path

import pytest

from chaos.journal import Journal, Phase, read_journal
from chaos.outages import Outage, Outages
from chaos.report import Bites, Report, availability, judge
from chaos.schedule import SIZES, Kind, Mode
from shared.clock import SystemClock

SIZE = SIZES["tiny"]


def a_report() -> Report:
    """A run with which everything is well."""
    report = Report(seed=1, mode=Mode.FULL, size=SIZE.name, orders=SIZE.orders, audit={"exit_code": 0})
    report.faults = {Kind.KILL: Bites(planned=10, executed=10, bitten=9)}
    return report


def test_a_run_whose_faults_hurt_and_that_found_nothing_passes() -> None:
    report = a_report()
    judge(report, SIZE)
    assert report.failures == []


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"faults": {Kind.KILL: Bites(planned=10, executed=10, bitten=5)}}, "the faults did not bite: kill"),
        (
            {"faults": {Kind.CUT_ACK: Bites(planned=10, executed=10, bitten=3)}},
            "the faults did not bite: cut-ack",
        ),
        (
            {"faults": {Kind.CUT_COMMIT: Bites(planned=12, executed=12, bitten=7)}},
            "the faults did not bite: cut-commit",
        ),
        (
            {"faults": {Kind.KILL_AT_COMMIT: Bites(planned=2, executed=2, bitten=1)}},
            "the faults did not bite: kill-at-commit",
        ),
        (
            {"faults": {Kind.RESTART_BROKER: Bites(planned=1, executed=0)}},
            "the faults did not bite: restart-broker",
        ),
        ({"findings": [{"rule": "nothing-is-parked"}]}, "1 findings of the checker"),
        ({"audit": {"exit_code": 1, "violations": [{"id": "S1"}]}}, "1 violations found by the audit"),
        ({"audit": {"exit_code": 2}}, "the audit could not look"),
        ({"ended_by_themselves": ["order (exit 1)"]}, "a process ended by itself: order (exit 1)"),
        ({"calls": {"pay 500": 1, "pay 200": 7}}, "internal errors: {'pay 500': 1}"),
        ({"orders": SIZE.orders - 1}, "only 149 of 150 orders"),
    ],
)
def test_a_run_fails_for(change: dict[str, object], failure: str) -> None:
    report = a_report()
    for name, value in change.items():
        setattr(report, name, value)
    judge(report, SIZE)
    assert len(report.failures) == 1
    assert report.failures[0].startswith(failure)


@pytest.mark.parametrize(("lost", "is_passed"), [(1, True), (2, False)])
def test_a_deploy_leaves_at_most_one_call_in_two_thousand_unanswered(lost: int, is_passed: bool) -> None:
    report = a_report()
    report.calls = {"see-order 200": 1_900, "pay 409": 100 - lost, "pay 503": lost - 1, "login lost": 1}
    judge(report, SIZES["tiny"])
    assert report.is_passed
    judge(report, replace(SIZES["deploy"], orders=SIZE.orders))
    assert report.is_passed == is_passed


def test_availability_is_about_first_tries_outside_outages() -> None:
    outage = Outage("order", "kill -9", SystemClock().now(), began=10.0, ended=20.0)
    checkouts = [
        (1.0, 2.0, ""),
        (5.0, 6.0, "503"),
        (9.0, 11.0, "nothing"),
        (20.5, 20.9, "503"),
        (30.0, 31.0, ""),
    ]
    told = availability(checkouts, Outages([outage]))
    assert told == {
        "first_tries": 5,
        "outside_outages": 3,
        "unanswered_outside_outages": {"503": 1},
        "share_outside_outages": 0.66667,
        "share_in_all": 0.4,
    }


async def test_a_journal_is_read_up_to_the_line_that_a_kill_cut_short(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.ask("shopper-1", 1, "pay", "k", {"order_id": "o"})
    await journal.unknown("shopper-1", 1, "pay", "k")
    await journal.answer("shopper-1", 1, "pay", "k", status=200, body={"status": "paying"})
    journal.close()
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"at": "2026-')
    entries = list(read_journal(tmp_path))
    assert [entry.phase for entry in entries] == [Phase.ASKED, Phase.UNKNOWN, Phase.ANSWERED]
    assert [entry.is_done for entry in entries] == [False, False, True]
    assert (entries[0].request, entries[2].body) == ({"order_id": "o"}, {"status": "paying"})
