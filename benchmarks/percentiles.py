"""Percentiles, medians and spreads of small samples."""

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent are not above (nearest rank); nan of nothing."""
    if not values:
        return float("nan")
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the middle two; nan of nothing."""
    if not values:
        return float("nan")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
