"""The shop's numbers for operators."""

from datetime import date

from services.analytics.metrics.definitions import METRICS, Value, values_of
from services.analytics.metrics.queries import by_day, counts, whole_period
from services.analytics.periods import AskedPeriod, Period
from services.analytics.resources import Own
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import NumbersReader
from shared.http.work import Now

router = service_router("/operator/metrics", tags=["metrics"])


class MetricView(View):
    """What a number means: its Chinese name, formula and unit (``count``, ``fen``, ``rate`` or ``ratio``)."""

    name: str
    title: str
    unit: str
    formula: str


class DayView(View):
    """A shop day's numbers; ``immature`` ones are null because their window has not ended."""

    day_on: date
    is_provisional: bool
    immature: list[str]
    values: dict[str, Value]


class DailyView(View):
    """Every day of a period, and what the numbers mean."""

    from_on: date
    to_on: date
    days: list[DayView]
    metrics: list[MetricView]


class SummaryView(View):
    """A whole period's numbers: people are distinct over the period, not summed over its days."""

    from_on: date
    to_on: date
    is_provisional: bool
    immature: list[str]
    values: dict[str, Value]
    metrics: list[MetricView]


MEANINGS = [
    MetricView(name=metric.name, title=metric.title, unit=metric.unit, formula=metric.formula)
    for metric in METRICS
]


@router.get("/daily")
async def daily(caller: NumbersReader, resources: Own, period: AskedPeriod, now: Now) -> DailyView:
    """The numbers of each shop day of a period (AN-01 … AN-17)."""
    counted = await counts(resources.facts, period, by_day)
    days = []
    for day in period.days:
        values, immature = values_of(counted.get(day, {}))
        is_provisional = Period(day, day).is_provisional(now)
        days.append(DayView(day_on=day, is_provisional=is_provisional, immature=immature, values=values))
    return DailyView(from_on=period.from_on, to_on=period.to_on, days=days, metrics=MEANINGS)


@router.get("/summary")
async def summary(caller: NumbersReader, resources: Own, period: AskedPeriod, now: Now) -> SummaryView:
    """The numbers of a whole period (AN-01 … AN-17)."""
    counted = await counts(resources.facts, period, whole_period)
    values, immature = values_of(counted.get(period.from_on, {}))
    return SummaryView(
        from_on=period.from_on,
        to_on=period.to_on,
        is_provisional=period.is_provisional(now),
        immature=immature,
        values=values,
        metrics=MEANINGS,
    )
