"""How far each group of clauses is verified once all of it was found clean."""

from dataclasses import replace
from uuid import UUID

from audit.books import Books, in_scope
from audit.checkpoints import MARGIN, NOTHING, Position, horizon, instant
from audit.clause import Group
from audit.clauses.orders import OPEN

UNPAID = ("creating", *OPEN)

_UNFINISHED = f"""
    SELECT o.id, o.status FROM orders o LEFT JOIN order_history h ON h.order_id = o.id AND h.version = o.version
     WHERE {in_scope("o.id")} AND o.id <= :horizon AND (
        o.status NOT IN ('closed', 'completed') OR h.at > :since OR EXISTS (
          SELECT FROM refunds r WHERE r.order_id = o.id AND (r.status <> 'succeeded' OR r.refunded_at > :since)))"""
_EXCHANGING = f"""
    SELECT a.id FROM after_sales a WHERE {in_scope("a.id")} AND a.id <= :horizon AND a.kind = 'exchange'
       AND (a.ended_at IS NULL OR a.ended_at > :since)"""
"""Exchanges have reservations of their own, under their own ids."""
_SHARED_LATER = "SELECT order_id AS id FROM profit_shares WHERE changed_at > :since"
_REFUNDED_LATER = "SELECT DISTINCT order_id AS id FROM refunds WHERE id > :through"
_PAID_BACK_LATER = """
    SELECT DISTINCT order_id AS id FROM refunds WHERE refund_id > :through OR status IN ('processing', 'failed')
    UNION SELECT order_id FROM payments WHERE status = 'paying'"""


async def reopened(books: Books) -> tuple[UUID, ...]:
    """Finished orders of which something new is told: refunds of theirs, money that came late or was shared."""
    if books.position.through == NOTHING or not {"order", "payment"} <= books.connections.keys():
        return ()
    found = {row["id"] for row in await books.all("order", _REFUNDED_LATER)}
    found |= {row["id"] for row in await books.all("payment", _PAID_BACK_LATER)}
    found |= {
        row["id"] for row in await books.all("payment", _SHARED_LATER, since=instant(books.position.through))
    }
    return tuple(sorted(found - set(books.position.orders)))


async def advanced(group: str, books: Books) -> Position:
    """Where the group's next run begins."""
    now, position = books.now, books.position
    learned: Position = books.learned.get("position", position)
    match group:
        case Group.STOCK:
            return learned
        case Group.COUPONS:
            return replace(learned, through=horizon(now))
        case Group.AUDIT_LOG | Group.BILLS | Group.SEALS:
            return replace(position, carried=books.learned["carried"])
        case Group.ORDERS:
            return await _orders(books)
        case _:
            return Position(through=horizon(now))


async def _orders(books: Books) -> Position:
    through = horizon(books.now)
    rows = await books.all("order", _UNFINISHED, horizon=through, since=books.now - MARGIN)
    exchanging = await books.all("order", _EXCHANGING, horizon=through, since=books.now - MARGIN)
    waiting = await books.all("payment", _PAID_BACK_LATER)
    orders = {row["id"] for row in (*rows, *exchanging, *waiting) if row["id"] <= through}
    unpaid = [row["id"] for row in rows if row["status"] in UNPAID]
    return Position(through=through, orders=tuple(sorted(orders)), floor=min([through, *unpaid]))
