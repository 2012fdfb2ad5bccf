"""A range of shop days, as every report takes it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from shared.clock import day_starts_at
from shared.http.problems import Invalid

LONGEST_DAYS = 366
FINAL_AFTER = timedelta(days=1, hours=2)
START = "{start:DateTime64(3, 'UTC')}"
END = "{end:DateTime64(3, 'UTC')}"


@dataclass(frozen=True, slots=True)
class Period:
    """The shop days (Asia/Shanghai) from the first to the last, both inside."""

    from_on: date
    to_on: date

    @property
    def start(self) -> datetime:
        """The first instant."""
        return day_starts_at(self.from_on)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return day_starts_at(self.to_on + timedelta(days=1))

    @property
    def days(self) -> list[date]:
        """Each of its days."""
        return [self.from_on + timedelta(days=n) for n in range((self.to_on - self.from_on).days + 1)]

    def parameters(self) -> dict[str, datetime]:
        """The values of ``START`` and ``END`` in a query."""
        return {"start": self.start, "end": self.end}

    def is_provisional(self, at: datetime) -> bool:
        """Whether events of its last day may still be on their way: until 02:00 of the day after (analytics.md 1)."""
        return at < day_starts_at(self.to_on) + FINAL_AFTER


async def _period(
    from_on: Annotated[date, Query(alias="from", description="First shop day, Asia/Shanghai")],
    to_on: Annotated[date, Query(alias="to", description="Last shop day, inside the period")],
) -> Period:
    if not date(2000, 1, 1) <= from_on <= to_on <= date(2199, 12, 31):
        raise Invalid("`from` and `to` must be days of this or the next century, `from` first.")
    if (to_on - from_on).days >= LONGEST_DAYS:
        raise Invalid(f"A report covers at most {LONGEST_DAYS} days.")
    return Period(from_on, to_on)


AskedPeriod = Annotated[Period, Depends(_period)]
"""The period of ``?from=2026-11-01&to=2026-11-07``."""
