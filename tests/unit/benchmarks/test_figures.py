"""Percentiles, ratios, targets: what would mislead silently."""

from math import isnan, nan

import pytest

from benchmarks.generator.drive import Outcome
from benchmarks.load import Round
from benchmarks.percentiles import median, percentile
from benchmarks.report import text
from benchmarks.results import Figure, Results, shown
from benchmarks.targets import TARGETS, Target, judge


def a_round(
    *latencies_ms: float, seconds: float = 1.0, cpu: float = 0.0, errors: dict[str, int] | None = None
) -> Round:
    return Round(Outcome(seconds, {"done": list(latencies_ms)}, errors or {}), {"gateway": cpu})


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 50.0), (95, 95.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == expected


def test_the_slowest_of_few_is_their_p99() -> None:
    assert percentile([1.0, 900.0, 2.0], 99) == 900.0


def test_nothing_has_no_percentile_and_no_median() -> None:
    assert isnan(percentile([], 50))
    assert isnan(median([]))


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([4.0, 1.0, 100.0, 2.0]) == 3.0
    assert median([9.0, 1.0, 2.0]) == 2.0


def test_cpu_is_told_for_each_unit_that_was_done_and_of_all_groups() -> None:
    one = Round(Outcome(2.0, {"done": [1.0] * 8, "other": [1.0] * 2}), {"gateway": 0.03, "catalog": 0.01})
    assert one.rate == 5.0
    assert one.cpu_ms == {"gateway": 3.0, "catalog": 1.0}


def test_units_that_failed_are_not_done_and_are_faults() -> None:
    results = Results()
    results.compare("list", {"shop": [a_round(5.0, errors={"WrongAnswer: 503": 3})]})
    assert results.figures["list: rate"].values == (1.0,)
    assert results.faults == ["list, shop: 3 × WrongAnswer: 503"]
    assert "WRONG: list, shop: 3 × WrongAnswer: 503" in text(results)


def test_ratios_are_taken_round_by_round() -> None:
    shop = [a_round(1.0, 1.0), a_round(1.0), a_round(1.0, 1.0, 1.0)]
    bare = [a_round(1.0, 1.0, 1.0, 1.0), a_round(1.0), a_round(1.0, 1.0, 1.0)]
    results = Results()
    results.compare("list", {"shop": shop, "bare": bare})
    ratio = results.figures["list: ratio to bare"]
    assert ratio.values == (0.5, 1.0, 1.0)
    assert ratio.median == 1.0
    assert ratio.text == "1 (0.5–1)"


def test_a_target_is_met_at_its_limit_and_missed_beyond_it() -> None:
    at_most, at_least = Target("a", "≤", 5), Target("a", "≥", 5)
    assert at_most.is_met(Figure("ms", (5.0,)))
    assert not at_most.is_met(Figure("ms", (5.01,)))
    assert at_least.is_met(Figure("ms", (5.0,)))
    assert not at_least.is_met(Figure("ms", (4.99,)))


def test_an_exact_target_holds_in_every_round() -> None:
    assert Target("sold", "=", 200).is_met(Figure("", (200, 200)))
    assert not Target("sold", "=", 200).is_met(Figure("", (200, 200, 201)))


@pytest.mark.parametrize("bound", ["≤", "≥", "="])
def test_what_is_no_number_meets_no_target(bound: str) -> None:
    assert not Target("a", bound, 5).is_met(Figure("ms", (nan,)))  # type: ignore[arg-type]


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    measured, absent = judge({"a": Figure("ms", (1.0,))}, [Target("a", "≤", 5), Target("b", "≤", 5)])
    assert (measured.is_met, absent.is_met, absent.figure) == (True, None, None)


def test_no_two_targets_judge_the_same_figure_alike() -> None:
    assert len({(target.key, target.bound) for target in TARGETS}) == len(TARGETS)


def test_figures_are_shown_with_three_digits() -> None:
    assert [shown(value) for value in (0.01234, 5.0, 99.96, 1234.5, nan)] == [
        "0.0123",
        "5",
        "100",
        "1,234",
        "–",
    ]
