"""Events: announced once, applied once by each who listens (E1-E5).

Both sides are forgotten in time (`shared/pruning.py`), each database by its own marks: what lies below any mark is no longer
compared, what lies above all of them is there whole.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from audit.books import Books, Row, in_scope
from audit.checkpoints import NOTHING
from audit.clause import Clause, Finding, Group, Kind, NotChecked, finding
from audit.clauses.orders import EVER_PAID
from audit.merging import interleaved, merged, merged_groups
from audit.reactions import reactions_of, subscriptions
from deploy.layout import SERVICES

_SPAN = "substr(event_id::text, 1, 8)"
"""Events of the same 65 seconds: the first 32 of the 48 bits of time in a UUIDv7."""
_ANNOUNCED_SUMS = f"""
    SELECT {_SPAN} AS span, type, count(*) AS many, bit_xor(uuid_hash_extended(event_id, 0)) AS digest
      FROM outbox WHERE event_id > :through AND sent_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1"""
_APPLIED_SUMS = f"""
    SELECT {_SPAN} AS span, reaction, count(*) AS many, bit_xor(uuid_hash_extended(event_id, 0)) AS digest
      FROM inbox WHERE event_id > :through GROUP BY 1, 2 ORDER BY 1"""
_ANNOUNCED = """
    SELECT event_id, type, sent_at, created_at FROM outbox
     WHERE event_id > :through AND event_id BETWEEN :first AND :last ORDER BY event_id"""
_APPLIED = """
    SELECT event_id, array_agg(reaction) AS reactions, max(handled_at) AS handled_at FROM inbox
     WHERE event_id > :through AND event_id BETWEEN :first AND :last GROUP BY event_id ORDER BY event_id"""
_STALLED = "SELECT event_id, reaction FROM stalled_events"
_FIRST = """
    SELECT r.reaction, coalesce((SELECT below FROM pruned WHERE what = r.reaction),
           (SELECT event_id FROM inbox i WHERE i.reaction = r.reaction ORDER BY event_id LIMIT 1)) AS event_id
      FROM unnest(:reactions::text[]) AS r(reaction)"""
_MARKS = "SELECT what, below FROM pruned"


async def _applied_once(books: Books) -> AsyncIterator[Finding]:
    """Outboxes against inboxes: digests of 65 seconds first, single events where those differ."""
    stalled, since = await _stalled(books), await _listening_since(books)
    marks = [row["below"] for service in SERVICES for row in await books.all(service, _MARKS)]
    through = max([books.position.through, *marks])
    async for span in _differing(books, through):
        async for found in _compared(books, span, through, stalled, since):
            yield found


async def _differing(books: Books, through: UUID) -> AsyncIterator[str]:
    """The spans in which some reaction was not given exactly what was announced for it."""
    announced = interleaved([books.rows(service, _ANNOUNCED_SUMS, through=through) for service in SERVICES])
    applied = interleaved([books.rows(service, _APPLIED_SUMS, through=through) for service in SERVICES])
    async for span, wanted, found in merged_groups(announced, applied):
        expected: dict[str, tuple[int, int]] = {}
        for row in wanted:
            for reaction in subscriptions().get(row["type"], ()):
                many, digest = expected.get(reaction, (0, 0))
                expected[reaction] = (many + row["many"], digest ^ row["digest"])
        if expected != {row["reaction"]: (row["many"], row["digest"]) for row in found}:
            yield span


async def _compared(
    books: Books, span: str, through: UUID, stalled: set[tuple[str, UUID]], since: dict[str, UUID]
) -> AsyncIterator[Finding]:
    """Each event of a span against what was done with it; what is unsent or stalled is E3's."""
    ends: dict[str, Any] = {
        "through": through,
        "first": UUID(f"{span}{'0' * 24}"),
        "last": UUID(f"{span}{'f' * 24}"),
    }
    announced = interleaved([books.rows(service, _ANNOUNCED, **ends) for service in SERVICES])
    applied = interleaved([books.rows(service, _APPLIED, **ends) for service in SERVICES])
    listeners = subscriptions()
    async for event_id, events, applications in merged_groups(announced, applied):
        names = {name for row in applications for name in row["reactions"]}
        if not events:
            if _is_old(books, max(row["handled_at"] for row in applications)):
                yield finding(
                    "E1", "announced", "in no outbox", event_id=event_id, applied_by=", ".join(sorted(names))
                )
            continue
        (event,) = events
        if event["sent_at"] is None or not _is_old(books, event["created_at"]):
            continue
        wanted = {
            name
            for name in listeners.get(event["type"], ())
            if (name, event_id) not in stalled and event_id >= since.get(name, event_id)
        }
        keys = {"event_id": event_id, "type": event["type"]}
        if missing := wanted - names:
            yield finding("E1", f"applied by {', '.join(sorted(missing))}", "not applied", **keys)
        if extra := names - listeners.get(event["type"], frozenset()):
            yield finding("E1", "nobody else listens", f"applied by {', '.join(sorted(extra))}", **keys)


def _is_old(books: Books, at: object) -> bool:
    return books.is_quiet({"changed_at": at})


async def _stalled(books: Books) -> set[tuple[str, UUID]]:
    return {
        (row["reaction"], row["event_id"])
        for service in SERVICES
        for row in await books.all(service, _STALLED)
    }


async def _listening_since(books: Books) -> dict[str, UUID]:
    """The first event that each reaction was given: what was announced before it existed is not its."""
    return {
        row["reaction"]: row["event_id"]
        for service in SERVICES
        for row in await books.all(service, _FIRST, reactions=list(reactions_of(service)))
        if row["event_id"] is not None
    }


E1 = Clause(
    "E1",
    Kind.REST,
    "each event was applied by each reaction that listens to its type, and nothing else was",
    SERVICES,
    _applied_once,
    Group.EVENTS,
)

_REFUNDS = f"""
    SELECT r.id, r.order_id, r.status, r.refund_fen, greatest(r.requested_at, r.refunded_at) AS changed_at,
           r.refund_fen - r.freight_fen AS goods_fen
      FROM refunds r WHERE {in_scope("r.order_id")} ORDER BY r.id"""
_PROVIDED = f"""
    SELECT refund_id, refund_fen, greatest(requested_at, refunded_at) AS changed_at FROM refunds
     WHERE kind = 'order' AND {in_scope("order_id")} ORDER BY refund_id"""
_REVERSED = f"""
    SELECT refund_id, goods_fen, at AS changed_at FROM order_refunds
     WHERE {in_scope("order_id")} ORDER BY refund_id"""


_RESTOCKED = f"""
    SELECT r.id AS refund_id, greatest(r.requested_at, r.refunded_at) AS changed_at,
           (SELECT sum(quantity - off_shelf_quantity) FROM refund_lines WHERE refund_id = r.id) AS units
      FROM refunds r WHERE {in_scope("r.order_id")} AND r.status = 'succeeded'"""
_MOVED_BACK = """
    SELECT source_id AS refund_id, sum(on_hand) AS units FROM stock_movements
     WHERE source_type = 'refund' AND kind = 'restock' AND source_id = ANY(:refunds::uuid[]) GROUP BY source_id"""
_BATCH = 1_000


async def _effects(books: Books) -> AsyncIterator[Finding]:
    """A refund's effects at payment, member and catalog; other events' effects are M3, S3, C2 and L3."""
    async for refund_id, refund, provided in merged(
        books.rows("order", _REFUNDS), books.rows("payment", _PROVIDED)
    ):
        if not books.is_quiet(refund, provided):
            continue
        expected = f"{refund['refund_fen']} fen" if refund else "nothing"
        found = f"{provided['refund_fen']} fen" if provided else "nothing"
        if expected != found and not (provided is None and refund and _needs_no_row(refund)):
            yield finding("E2", f"{expected} at payment", found, refund_id=refund_id)
    async for refund_id, refund, reversed_ in merged(
        books.rows("order", _REFUNDS), books.rows("member", _REVERSED)
    ):
        if not books.is_quiet(refund, reversed_):
            continue
        is_done = refund is not None and refund["status"] == "succeeded"
        expected = f"{refund['goods_fen']} fen" if refund and is_done else "nothing"
        found = f"{reversed_['goods_fen']} fen" if reversed_ else "nothing"
        if expected != found:
            yield finding("E2", f"{expected} of rewards reversed", found, refund_id=refund_id)

    async for batch in _batches(books.rows("order", _RESTOCKED)):
        wanted = {row["refund_id"]: row["units"] for row in batch if books.is_quiet(row)}
        moved = await books.all("catalog", _MOVED_BACK, refunds=list(wanted))
        restocked = {row["refund_id"]: row["units"] for row in moved}
        for refund_id, units in wanted.items():
            if restocked.get(refund_id) != units:
                yield finding(
                    "E2",
                    f"{units} units restocked",
                    f"{restocked.get(refund_id, 'none')} restocked",
                    refund_id=refund_id,
                )


async def _batches(rows: AsyncIterator[Row]) -> AsyncIterator[list[Row]]:
    batch = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _needs_no_row(refund: Row) -> bool:
    """Nothing to give back is settled at once; a refund that could not begin waits for an operator."""
    return bool(refund["refund_fen"] == 0 or refund["status"] == "needs_attention")


E2 = Clause(
    "E2",
    Kind.REST,
    "what was applied has its effect: refunds at payment, member and catalog (other events: M3, S3, C2, L3)",
    ("order", "payment", "member", "catalog"),
    _effects,
    Group.ORDERS,
)

_WAITING = """
    SELECT 'unsent' AS what, type, event_id::text AS event_id, 'announced ' || created_at AS since FROM outbox
     WHERE sent_at IS NULL AND created_at <= :until
    UNION ALL SELECT state, reaction, event_id::text, coalesce(reason, 'no reason') || ', since ' || stalled_at
      FROM stalled_events WHERE state = 'parked' OR stalled_at <= :until"""


async def _nothing_waits(books: Books) -> AsyncIterator[Finding]:
    until = books.quiet_at or books.now
    for service in SERVICES:
        async for row in books.rows(service, _WAITING, until=until):
            yield finding(
                "E3",
                "none",
                row["since"],
                service=service,
                state=row["what"],
                of=row["type"],
                event_id=row["event_id"],
            )


E3 = Clause(
    "E3",
    Kind.REST,
    "no event is unsent, waiting or parked; under traffic for more than 2 minutes",
    SERVICES,
    _nothing_waits,
    Group.EVENTS,
)


async def _dead_letters(books: Books) -> AsyncIterator[Finding]:
    raise NotChecked(
        "dead-lettered messages are in the broker: see GET /operator/parked-events and its queues"
    )
    yield


E3_BROKER = Clause("E3.broker", Kind.REST, "no message is dead-lettered in the broker", (), _dead_letters)

_NEWEST = "event_id > :floor"
_ONCE = {
    "order": f"""
        SELECT coalesce(o.id::text, e.subject) AS order_id, 'order.paid.v1' AS type,
               CASE WHEN o.id IS NULL THEN 'no event of an order never paid' ELSE '1 event' END AS expected,
               format('%s events', coalesce(e.many, 0)) AS found
          FROM (SELECT id FROM orders WHERE id > :floor AND status IN ({", ".join(f"'{s}'" for s in EVER_PAID)})) o
          FULL JOIN (SELECT subject, count(*) AS many FROM outbox WHERE type = 'order.paid.v1' AND {_NEWEST}
                      GROUP BY subject) e ON e.subject = o.id::text
         WHERE e.many IS DISTINCT FROM 1 OR (o.id IS NULL AND e.subject::uuid > :floor)""",
    "payment": f"""
        SELECT coalesce(p.payment_id::text, e.subject) AS payment_id, 'payment.succeeded.v1' AS type,
               CASE WHEN p.payment_id IS NULL THEN 'no event of a payment that did not succeed' ELSE '1 event' END
                 AS expected, format('%s events', coalesce(e.many, 0)) AS found
          FROM (SELECT payment_id FROM payments WHERE payment_id > :floor AND status = 'succeeded') p
          FULL JOIN (SELECT subject, count(*) AS many FROM outbox WHERE type = 'payment.succeeded.v1' AND {_NEWEST}
                      GROUP BY subject) e ON e.subject = p.payment_id::text
         WHERE e.many IS DISTINCT FROM 1 OR (p.payment_id IS NULL AND e.subject::uuid > :floor)""",
    "member": """
        SELECT coalesce(t.id::text, e.entry_id) AS entry_id, 'points.earned.v1' AS type,
               CASE WHEN t.id IS NULL THEN 'no event without points' ELSE '1 event' END AS expected,
               format('%s events', coalesce(e.many, 0)) AS found
          FROM (SELECT id, CASE WHEN source_type = 'order' THEN source_id::uuid <= :forgotten ELSE false END AS is_of_old
                  FROM points_transfers WHERE id > :floor AND kind IN ('earn', 'grant')) t
          FULL JOIN (SELECT envelope::jsonb -> 'data' ->> 'entry_id' AS entry_id, count(*) AS many FROM outbox
                      WHERE type = 'points.earned.v1' AND event_id > :floor GROUP BY 1) e ON e.entry_id = t.id::text
         WHERE (e.many IS DISTINCT FROM 1 AND NOT (t.is_of_old AND e.many IS NULL))
            OR (t.id IS NULL AND e.entry_id::uuid > :floor)""",
    "campaign": """
        SELECT coalesce(k.order_id::text, e.order_id) AS order_id, 'coupon.redeemed.v1' AS type,
               CASE WHEN k.order_id IS NULL THEN 'no event without a coupon used' ELSE '1 event' END AS expected,
               format('%s events', coalesce(e.many, 0)) AS found
          FROM (SELECT order_id FROM coupon_locks WHERE order_id > :floor AND state IN ('redeemed', 'restored')) k
          FULL JOIN (SELECT envelope::jsonb -> 'data' ->> 'order_id' AS order_id, count(*) AS many FROM outbox
                      WHERE type = 'coupon.redeemed.v1' AND event_id > :floor GROUP BY 1) e
            ON e.order_id = k.order_id::text
         WHERE e.many IS DISTINCT FROM 1 OR (k.order_id IS NULL AND e.order_id::uuid > :floor)""",
}


async def _announced_once(books: Books) -> AsyncIterator[Finding]:
    """Since the event that a service forgot last; one that follows from an old order has an old id, however late it came."""
    for service, query in _ONCE.items():
        marks = {row["what"]: row["below"] for row in await books.all(service, _MARKS)}
        forgotten = marks.get("outbox", NOTHING)
        floor = max(books.position.floor, forgotten)
        async for row in books.rows(service, query, floor=floor, forgotten=forgotten):
            keys: dict[str, object] = {"service": service, **dict(row.items())}
            yield finding("E4", keys.pop("expected"), keys.pop("found"), **keys)


E4 = Clause(
    "E4",
    Kind.ALWAYS,
    "exactly one event for each order paid, payment succeeded, points earned and coupon used; none without its state",
    tuple(_ONCE),
    _announced_once,
    Group.ORDERS,
)


async def _analytics_days(books: Books) -> AsyncIterator[Finding]:
    raise NotChecked(
        "the facts' engine is open in the analytics process; compare GET /operator/metrics/daily with the orders"
    )
    yield


E5 = Clause(
    "E5", Kind.REST, "the days of analytics are those of the order and payment databases", (), _analytics_days
)

CLAUSES = (E1, E2, E3, E3_BROKER, E4, E5)
