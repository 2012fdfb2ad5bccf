"""Counting over the facts: by the day, or once over a whole period, with the same statements.

A bucket is a shop day, or the period's first day standing for all of it; whoever is counted is distinct within a bucket.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date

from services.analytics.actors.queries import actor_events
from services.analytics.facts.owner import Facts
from services.analytics.periods import END, START, Period

Bucket = Callable[[str], str]
SESSION_GAP_MILLISECONDS = 1_800_000


def by_day(instant: str) -> str:
    """The shop day of an instant."""
    return f"toDate({instant}, 'Asia/Shanghai')"


def whole_period(_: str) -> str:
    """One bucket for everything in the period."""
    return f"toDate({START}, 'Asia/Shanghai')"


async def counts(facts: Facts, period: Period, bucket: Bucket) -> Mapping[date, Mapping[str, int]]:
    """What is counted in each bucket, by metric name, and ``orders_undecided``; empty buckets may be missing."""
    found: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for query in (_visits, _new_visitors, _sessions, _orders, _fates, _refunds):
        for row in await facts.query(query(bucket), period.parameters()):
            found[row.pop("bucket")].update(row)
    return found


def _within(instant: str) -> str:
    return f"{instant} >= {START} AND {instant} < {END}"


def _visits(bucket: Bucket) -> str:
    chosen = _within("ts") + (
        " AND event IN ('app_open', 'page_view', 'product_view', 'add_to_cart', 'order_created', 'order_paid')"
    )
    return f"""
        SELECT bucket, sum(page_views) AS pv, countIf(visits) AS uv, countIf(views) AS viewers,
               countIf(views AND carts) AS carting_viewers, countIf(visits AND orders) AS ordering_visitors,
               countIf(visits AND pays) AS paying_visitors
        FROM (
          SELECT {bucket("ts")} AS bucket, actor, countIf(event = 'page_view') AS page_views,
                 max(event IN ('app_open', 'page_view')) AS visits, max(event = 'product_view') AS views,
                 max(event = 'add_to_cart') AS carts, max(event = 'order_created') AS orders,
                 max(event = 'order_paid') AS pays
          FROM ({actor_events(("event", "ts"), chosen)}) GROUP BY bucket, actor
        ) GROUP BY bucket"""


def _new_visitors(bucket: Bucket) -> str:
    return f"""
        SELECT {bucket("first_at")} AS bucket, count() AS new_uv
        FROM (SELECT actor, min(ts) AS first_at FROM ({actor_events(("ts",), f"ts < {END}")}) GROUP BY actor)
        WHERE {_within("first_at")} GROUP BY bucket"""


def _sessions(bucket: Bucket) -> str:
    """A session begins with its first event ever; events without a session id begin one after a gap of 30 minutes."""
    named = f"""source = 'client' AND ts < {END} AND session_id GLOBAL IN (
        SELECT session_id FROM behaviour_events WHERE source = 'client' AND {_within("ts")})"""
    unnamed = f"""source = 'client' AND session_id IS NULL
        AND ts >= {START} - toIntervalMillisecond({SESSION_GAP_MILLISECONDS}) AND ts < {END}"""
    return f"""
        SELECT {bucket("began_at")} AS bucket, count() AS sessions FROM (
          SELECT min(ts) AS began_at FROM ({actor_events(("session_id", "ts"), named)}) GROUP BY actor, session_id
          UNION ALL
          SELECT ts AS began_at FROM (
            SELECT ts, lagInFrame(toNullable(ts)) OVER (
              PARTITION BY actor ORDER BY ts, seq, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
            FROM ({actor_events(("ts", "seq", "event_id"), unnamed)})
          ) WHERE before IS NULL OR dateDiff('millisecond', before, ts) > {SESSION_GAP_MILLISECONDS}
        ) WHERE {_within("began_at")} GROUP BY bucket"""


def _orders(bucket: Bucket) -> str:
    return f"""
        SELECT {bucket("entered_at")} AS bucket, countIf(state = 'placed') AS orders_created,
               countIf(state = 'paid') AS orders_paid, sumIf(payable_fen, state = 'paid') AS gmv_fen,
               uniqExactIf(member_id, state = 'paid') AS paying_members
        FROM orders WHERE state IN ('placed', 'paid') AND {_within("entered_at")} GROUP BY bucket"""


def _fates(bucket: Bucket) -> str:
    return f"""
        SELECT {bucket("placed_at")} AS bucket, countIf(is_paid) AS orders_created_paid,
               countIf(NOT is_paid AND NOT is_closed) AS orders_undecided
        FROM (
          SELECT order_id, minIf(entered_at, state = 'placed') AS placed_at, max(state = 'paid') AS is_paid,
                 max(state = 'closed') AS is_closed
          FROM orders WHERE order_id GLOBAL IN (
            SELECT order_id FROM orders WHERE state = 'placed' AND {_within("entered_at")})
          GROUP BY order_id
        ) GROUP BY bucket"""


def _refunds(bucket: Bucket) -> str:
    return f"""
        SELECT {bucket("refunded_at")} AS bucket, count() AS refunds, sum(refunds.refund_fen) AS refund_fen
        FROM refunds WHERE {_within("refunded_at")} GROUP BY bucket"""
