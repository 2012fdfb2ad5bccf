"""Coupons: what is issued, who holds and uses it (C1-C4)."""

from collections.abc import AsyncIterator

from audit.books import Books, Row, in_scope
from audit.clause import Clause, Finding, Group, Kind, finding, sql
from audit.clauses.orders import EVER_PAID, OPEN, ORDERS
from audit.merging import merged

C1 = sql(
    "C1",
    Kind.ALWAYS,
    "issued = unused + locked + used + expired ≤ quota; a member has at most as many as they may",
    "campaign",
    """SELECT t.id AS template_id, format('%s issued of at most %s', coalesce(c.many, 0), t.total_quota) AS expected,
        format('%s issued', t.issued) AS found
      FROM coupon_templates t LEFT JOIN (SELECT template_id, count(*) AS many FROM coupons GROUP BY 1) c
        ON c.template_id = t.id
     WHERE t.issued <> coalesce(c.many, 0) OR t.issued > t.total_quota""",
    """SELECT template_id, member_id, format('at most %s', max(per_member_limit)) AS expected, count(*)::text AS found
      FROM coupons GROUP BY template_id, member_id HAVING count(*) > max(per_member_limit)""",
)

_LOCKS = f"""
    SELECT k.order_id, k.state, k.coupon_id, k.member_id, c.state AS coupon_state, c.order_id AS held_by,
           c.member_id AS owner, greatest(k.locked_at, k.ended_at) AS changed_at
      FROM coupon_locks k LEFT JOIN coupons c ON c.id = k.coupon_id WHERE {in_scope("k.order_id")} ORDER BY k.order_id"""


async def _orders_coupons(books: Books) -> AsyncIterator[Finding]:
    async for order_id, order, lock in merged(books.rows("order", ORDERS), books.rows("campaign", _LOCKS)):
        if not books.is_quiet(order, lock):
            continue
        expected, found = _wanted_lock(order), _found_lock(lock)
        if found not in expected:
            yield finding("C2", " or ".join(expected), found, order_id=order_id)


def _wanted_lock(order: Row | None) -> list[str]:
    """What an order's lock may be."""
    if order is None:
        return ["none", "released"]
    if order["coupon_id"] is None:
        return ["none"]
    by = f"of {order['coupon_id']} by {order['member_id']}"
    if order["status"] in OPEN:
        return [f"locked {by}"]
    if order["status"] in EVER_PAID:
        restored = [f"restored {by}"] if order["refund_summary"] == "full" else []
        return [f"redeemed {by}", *restored]
    if order["status"] == "creating":
        return ["none", f"locked {by}"]
    return ["released", "none"]


def _found_lock(lock: Row | None) -> str:
    """What a lock and its coupon say together."""
    if lock is None:
        return "none"
    if lock["state"] == "released":
        return "released" if lock["held_by"] != lock["order_id"] else "released, and the coupon is still held"
    held_as = {"locked": "locked", "redeemed": "used"}.get(lock["state"])
    is_held = lock["held_by"] == lock["order_id"] and lock["coupon_state"] == held_as
    if (held_as is not None) != is_held:
        return f"{lock['state']}, but the coupon is {lock['coupon_state']} for {lock['held_by']}"
    return f"{lock['state']} of {lock['coupon_id']} by {lock['owner']}"


C2 = Clause(
    "C2",
    Kind.REST,
    "a coupon is locked for one open order of its owner, used by one ever-paid order; both sides name each other",
    ("order", "campaign"),
    _orders_coupons,
    Group.ORDERS,
)

C3 = sql(
    "C3",
    Kind.ALWAYS,
    "a coupon took off at most its face value, and was valid when it was locked (threshold, scope and stacking: M5)",
    "campaign",
    f"""SELECT k.order_id, k.coupon_id, format('at most %s fen, locked from %s to %s',
          coalesce(CASE r.kind WHEN 'amount' THEN r.amount_fen ELSE r.cap_fen END::text, 'any'), c.starts_at, c.expires_at)
          AS expected, format('%s fen, locked at %s', coalesce(k.discount_fen, 0), k.locked_at) AS found
      FROM coupon_locks k JOIN coupons c ON c.id = k.coupon_id
      JOIN coupon_rules r ON r.template_id = c.template_id AND r.version = c.template_version
     WHERE {in_scope("k.order_id")} AND (k.locked_at < c.starts_at OR k.locked_at >= c.expires_at
        OR k.discount_fen > CASE r.kind WHEN 'amount' THEN r.amount_fen ELSE r.cap_fen END)""",
    group=Group.ORDERS,
)

_JOURNALS = """
    SELECT coupon_id, format('a step from %s', coalesce(before, 'nothing')) AS expected,
           format('%s from %s', kind, coalesce(from_state, 'nothing')) AS found
      FROM (SELECT coupon_id, kind, from_state, lag(to_state) OVER (PARTITION BY coupon_id ORDER BY id) AS before
              FROM coupon_journal WHERE coupon_id IN (SELECT coupon_id FROM coupon_journal WHERE id > :after)) j
     WHERE from_state IS DISTINCT FROM before
    UNION ALL
    SELECT c.id, coalesce(j.to_state, 'a journal'), c.state
      FROM coupons c LEFT JOIN LATERAL (
        SELECT to_state FROM coupon_journal WHERE coupon_id = c.id ORDER BY id DESC LIMIT 1) j ON true
     WHERE (c.id > :through OR c.id IN (SELECT coupon_id FROM coupon_journal WHERE id > :after))
       AND j.to_state IS DISTINCT FROM c.state
    UNION ALL
    SELECT j.coupon_id, 'restored by a refund of the order that used it', coalesce(k.state, 'no lock')
      FROM coupon_journal j LEFT JOIN coupon_locks k ON k.order_id = j.source_id AND k.coupon_id = j.coupon_id
     WHERE j.id > :after AND j.kind = 'restore' AND k.state IS DISTINCT FROM 'restored'"""


async def _journals(books: Books) -> AsyncIterator[Finding]:
    async for row in books.rows("campaign", _JOURNALS):
        yield finding("C4", row["expected"], row["found"], coupon_id=row["coupon_id"])
    highest = await books.all("campaign", "SELECT coalesce(max(id), 0) AS id FROM coupon_journal")
    books.learned["position"] = books.position.counted(books.now, highest[0]["id"])


C4 = Clause(
    "C4",
    Kind.ALWAYS,
    "a coupon's journal leads to its state without gaps; only a refund makes a used one usable again",
    ("campaign",),
    _journals,
    Group.COUPONS,
)

CLAUSES = (C1, C2, C3, C4)
