"""Counting how far actors get."""

from datetime import timedelta

from services.analytics.actors.queries import actor_events
from services.analytics.facts.owner import Facts
from services.analytics.funnels.domain import Funnel
from services.analytics.periods import END, START, Period

_MILLISECOND = timedelta(milliseconds=1)


async def reached(facts: Facts, funnel: Funnel, period: Period) -> list[int]:
    """How many actors reached each step, of those who entered in the period; later steps may lie after it.

    ``windowFunnel`` walks as analytics.md 5 asks: any chain counts, not only the first; at one instant, in step order.
    """
    window = funnel.window // _MILLISECOND
    events = ", ".join(f"'{step.event}'" for step in funnel.steps)
    conditions = [f"event = '{step.event}'" for step in funnel.steps]
    conditions[0] += f" AND ts < {END}"
    chosen = f"event IN ({events}) AND ts >= {START} AND ts < {END} + toIntervalMillisecond({window})"
    sql = f"""
        SELECT {", ".join(f"countIf(depth >= {n + 1}) AS step_{n}" for n in range(len(conditions)))} FROM (
          SELECT windowFunnel({window})(toUInt64(toUnixTimestamp64Milli(ts)), {", ".join(conditions)}) AS depth
          FROM ({actor_events(("event", "ts"), chosen)}) GROUP BY actor
        )"""
    (row,) = await facts.query(sql, period.parameters())
    return [row[f"step_{n}"] for n in range(len(conditions))]
