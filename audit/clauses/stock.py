"""Stock: levels, the ledger of movements, what orders hold (S1-S5)."""

from collections.abc import AsyncIterator

from audit.books import Books, Row, in_scope
from audit.clause import Clause, Finding, Group, Kind, finding, sql
from audit.clauses.orders import EVER_PAID, OPEN
from audit.merging import merged

_LEVELS = "SELECT sku_id, on_hand, reserved, sold FROM stock_levels ORDER BY sku_id"
_MOVED = """
    SELECT sku_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(sold) AS sold,
           sum(on_hand) FILTER (WHERE id <= :ripe) AS ripe_on_hand,
           sum(reserved) FILTER (WHERE id <= :ripe) AS ripe_reserved, sum(sold) FILTER (WHERE id <= :ripe) AS ripe_sold
      FROM stock_movements WHERE id > :after GROUP BY sku_id ORDER BY sku_id"""
_NUMBERS = ("on_hand", "reserved", "sold")


async def _levels(books: Books) -> AsyncIterator[Finding]:
    """Levels against the ledger; the sums of what was verified before are carried, so that they stay exact."""
    ripe = books.position.ripe(books.now)
    sums: dict[str, list[int]] = dict(books.position.carried.get("sums", {}))
    async for sku_id, level, moved in merged(
        books.rows("catalog", _LEVELS), books.rows("catalog", _MOVED, ripe=ripe)
    ):
        before = sums.get(str(sku_id), [0, 0, 0])
        expected = [
            base + ((moved and moved[name]) or 0) for base, name in zip(before, _NUMBERS, strict=True)
        ]
        found = None if level is None else [level[name] for name in _NUMBERS]
        if found != expected or expected[0] < expected[1] or min(expected) < 0:
            yield finding("S1", _said(expected), _said(found), sku_id=sku_id)
        if moved is not None:
            sums[str(sku_id)] = [
                base + (moved[f"ripe_{name}"] or 0) for base, name in zip(before, _NUMBERS, strict=True)
            ]
    highest = await books.all("catalog", "SELECT coalesce(max(id), 0) AS id FROM stock_movements")
    books.learned["position"] = books.position.counted(books.now, highest[0]["id"], sums=sums)


def _said(numbers: list[int] | None) -> str:
    if numbers is None:
        return "no level"
    return ", ".join(f"{name} {number}" for name, number in zip(_NUMBERS, numbers, strict=True))


S1 = Clause(
    "S1",
    Kind.ALWAYS,
    "each SKU's on hand, reserved and sold are what its movements sum to, never below 0, never more reserved than there is",
    ("catalog",),
    _levels,
    Group.STOCK,
)

S2 = sql(
    "S2",
    Kind.ALWAYS,
    "reserved is what held reservations sum to, sold what committed ones sum to, less what was restocked",
    "catalog",
    """SELECT l.sku_id, format('reserved %s, sold %s', coalesce(r.held, 0), coalesce(r.sold, 0)) AS expected,
        format('reserved %s, sold %s', l.reserved, l.sold) AS found
      FROM stock_levels l LEFT JOIN (
        SELECT sku_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
               sum(quantity - restocked) FILTER (WHERE state = 'committed') AS sold
          FROM reservation_lines JOIN reservations USING (order_id) GROUP BY sku_id) r USING (sku_id)
     WHERE l.reserved <> coalesce(r.held, 0) OR l.sold <> coalesce(r.sold, 0)""",
)

_WANTED = f"""
    SELECT o.id, o.status, greatest(h.at, o.placed_at) AS changed_at,
           (SELECT string_agg(format('%s×%s', quantity, sku_id), ' ' ORDER BY sku_id)
              FROM order_lines WHERE order_id = o.id) AS units
      FROM orders o LEFT JOIN order_history h ON h.order_id = o.id AND h.version = o.version
     WHERE {in_scope("o.id")}
    UNION ALL
    SELECT a.id, 'exchange ' || CASE WHEN a.refund_id IS NULL THEN a.status ELSE 'refunded' END, h.at,
           (SELECT string_agg(format('%s×%s', a_l.quantity, l.sku_id), ' ' ORDER BY l.sku_id)
              FROM after_sale_lines a_l JOIN order_lines l ON l.id = a_l.order_line_id WHERE a_l.after_sale_id = a.id)
      FROM after_sales a JOIN after_sale_history h ON h.after_sale_id = a.id AND h.version = a.version
     WHERE a.kind = 'exchange' AND {in_scope("a.id")} ORDER BY 1"""
_RESERVED = f"""
    SELECT r.order_id, r.state, greatest(r.held_at, r.ended_at) AS changed_at,
           (SELECT string_agg(format('%s×%s', quantity, sku_id), ' ' ORDER BY sku_id)
              FROM reservation_lines WHERE order_id = r.order_id) AS units
      FROM reservations r WHERE {in_scope("r.order_id")} ORDER BY r.order_id"""


REPLACED = ("exchange replacement_shipped", "exchange completed")
"""An exchange has a reservation of its own, under its own id."""


async def _reservations(books: Books) -> AsyncIterator[Finding]:
    async for order_id, order, reservation in merged(
        books.rows("order", _WANTED), books.rows("catalog", _RESERVED)
    ):
        if not books.is_quiet(order, reservation) or (order and order["status"] == "creating"):
            continue
        found = (
            "nothing reserved" if reservation is None else f"{reservation['state']} {reservation['units']}"
        )
        if (expected := _wanted(order, reservation, found)) != found:
            yield finding("S3", expected, found, order_id=order_id)


def _wanted(order: Row | None, reservation: Row | None, found: str) -> str:
    """What an order's reservation should be; one that was released may have been of anything."""
    if order is None:  # a hold of an unknown order is told by S5
        return "nothing of an unknown order" if reservation and reservation["state"] == "committed" else found
    if order["status"] in OPEN:
        return f"held {order['units']}"
    if order["status"] in EVER_PAID:
        return f"committed {order['units']}"
    if order["status"] in REPLACED:
        return f"committed {order['units']}"
    if order["status"].startswith("exchange"):  # not decided: it may hold already, or no more
        return "no more than held" if reservation and reservation["state"] == "committed" else found
    return found if reservation and reservation["state"] == "released" else "released"


S3 = Clause(
    "S3",
    Kind.REST,
    "an order open for payment holds its units, one ever paid has bought them, one closed has released them",
    ("order", "catalog"),
    _reservations,
    Group.ORDERS,
)

S3_ONCE = sql(
    "S3.once",
    Kind.ALWAYS,
    "each held unit left «held» once: by its one movement, and no other",
    "catalog",
    f"""SELECT r.order_id, l.sku_id, format('%s units: held%s', l.quantity, CASE r.state WHEN 'held' THEN ''
          WHEN 'committed' THEN ', committed' ELSE ', released' END) AS expected,
        format('held %s, committed %s, released %s', coalesce(h.reserved, 0), coalesce(c.sold, 0),
          coalesce(-x.reserved, 0)) AS found
      FROM reservations r JOIN reservation_lines l USING (order_id)
      LEFT JOIN stock_movements h ON h.source_type = 'order' AND h.source_id = r.order_id AND h.kind = 'hold'
        AND h.sku_id = l.sku_id
      LEFT JOIN stock_movements c ON c.source_type = 'order' AND c.source_id = r.order_id AND c.kind = 'commit'
        AND c.sku_id = l.sku_id
      LEFT JOIN stock_movements x ON x.source_type = 'order' AND x.source_id = r.order_id AND x.kind = 'release'
        AND x.sku_id = l.sku_id
     WHERE {in_scope("r.order_id")} AND (coalesce(h.reserved, 0) <> l.quantity
        OR coalesce(c.sold, 0) <> CASE r.state WHEN 'committed' THEN l.quantity ELSE 0 END
        OR coalesce(-x.reserved, 0) <> CASE r.state WHEN 'released' THEN l.quantity ELSE 0 END)""",
    group=Group.ORDERS,
)

_TTL = "SELECT make_interval(secs => pay_timeout_seconds) + interval '15 minutes' AS longest FROM order_rules"
_HELD_LONG = """
    SELECT order_id, held_at FROM reservations WHERE state = 'held' AND held_at < :now::timestamptz - :longest::interval
     ORDER BY held_at"""
_STATUSES = """
    SELECT id, status FROM orders WHERE id = ANY(:ids::uuid[])
    UNION ALL SELECT id, CASE WHEN ended_at IS NULL THEN 'exchange' ELSE status END FROM after_sales
     WHERE kind = 'exchange' AND id = ANY(:ids::uuid[])"""
_OPEN_ANYHOW = ("creating", "exchange", *OPEN)


async def _forgotten(books: Books) -> AsyncIterator[Finding]:
    longest = (await books.all("order", _TTL))[0]["longest"]
    held = await books.all("catalog", _HELD_LONG, longest=longest)
    orders = await books.all("order", _STATUSES, ids=[row["order_id"] for row in held])
    statuses = {row["id"]: row["status"] for row in orders}
    for row in held:
        status = statuses.get(row["order_id"], "unknown")
        if status not in _OPEN_ANYHOW:
            yield finding(
                "S5", "an open order", f"{status}, held since {row['held_at']}", order_id=row["order_id"]
            )


S5 = Clause(
    "S5",
    Kind.REST,
    "nothing is held longer than an order may wait for its payment and 15 minutes, unless its order is still open",
    ("order", "catalog"),
    _forgotten,
)

CLAUSES = (S1, S2, S3, S3_ONCE, S5)
