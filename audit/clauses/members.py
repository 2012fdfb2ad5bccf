"""Members: points, growth, levels, identities (L1-L6)."""

from collections.abc import AsyncIterator

from audit.books import Books, in_scope
from audit.clause import Clause, Finding, Group, Kind, finding, sql
from audit.clauses.orders import EVER_PAID
from audit.merging import merged

_TOUCHED = """(
    SELECT member_id FROM points_transfers WHERE id > :through
    UNION SELECT member_id FROM growth_entries WHERE id > :through
    UNION SELECT id FROM members WHERE id > :through)"""
"""Members of whom anything is new; the sums are over all that they ever had."""

L1 = sql(
    "L1",
    Kind.ALWAYS,
    "a member's spendable, held and owed points are what their entries sum to, never below 0",
    "member",
    f"""SELECT a.member_id, format('spendable %s, held %s, owed %s', coalesce(e.spendable, 0), coalesce(e.held, 0),
          coalesce(e.owed, 0)) AS expected,
        format('spendable %s, held %s, owed %s', a.spendable, a.held, a.owed) AS found
      FROM {_TOUCHED} touched JOIN points_accounts a USING (member_id) LEFT JOIN LATERAL (
        SELECT sum(points) FILTER (WHERE account = 'spendable') AS spendable,
               sum(points) FILTER (WHERE account = 'held') AS held, -sum(points) FILTER (WHERE account = 'debt') AS owed
          FROM points_entries WHERE member_id = a.member_id) e ON true
     WHERE a.spendable <> coalesce(e.spendable, 0) OR a.held <> coalesce(e.held, 0) OR a.owed <> coalesce(e.owed, 0)
        OR least(a.spendable, a.held, a.owed) < 0""",
    group=Group.POINTS,
)

L2 = sql(
    "L2",
    Kind.ALWAYS,
    "one entry for each source and kind; points for logging in once a Shanghai day",
    "member",
    """SELECT t.source_type, t.source_id, t.kind, '1 entry' AS expected, format('%s entries', count(DISTINCT o.id)) AS found
      FROM points_transfers t JOIN points_transfers o USING (source_type, source_id, kind)
     WHERE t.id > :through GROUP BY 1, 2, 3 HAVING count(DISTINCT o.id) > 1""",
    """SELECT g.source_type, g.source_id, g.kind, '1 entry' AS expected, format('%s entries', count(DISTINCT o.id)) AS found
      FROM growth_entries g JOIN growth_entries o USING (source_type, source_id, kind)
     WHERE g.id > :through GROUP BY 1, 2, 3 HAVING count(DISTINCT o.id) > 1""",
    """SELECT id AS transfer_id, member_id, format('%s:%s', member_id, (at AT TIME ZONE 'Asia/Shanghai')::date)
        AS expected, source_id AS found
      FROM points_transfers WHERE id > :through AND source_type = 'login'
       AND source_id <> format('%s:%s', member_id, (at AT TIME ZONE 'Asia/Shanghai')::date)""",
    group=Group.POINTS,
)

_EARNING = f"""
    SELECT o.id, o.status, o.points_used, l.goods_fen, coalesce(r.fen, 0) AS refunded_fen,
           coalesce(r.points, 0) AS points_returned,
           greatest(h.at, o.placed_at, r.changed_at) AS changed_at
      FROM orders o LEFT JOIN order_history h ON h.order_id = o.id AND h.version = o.version
      LEFT JOIN LATERAL (SELECT sum(payable_fen) AS goods_fen FROM order_lines WHERE order_id = o.id) l ON true
      LEFT JOIN LATERAL (
        SELECT sum(refund_fen - freight_fen) FILTER (WHERE status = 'succeeded') AS fen,
               sum(points_returned) FILTER (WHERE status = 'succeeded') AS points,
               max(greatest(requested_at, refunded_at)) AS changed_at
          FROM refunds WHERE order_id = o.id) r ON true
     WHERE {in_scope("o.id")} ORDER BY o.id"""
_REWARDS = f"""
    SELECT order_id, goods_fen, points_spent, refunded_fen, points_returned, settled_at AS changed_at
      FROM order_rewards WHERE {in_scope("order_id")} ORDER BY order_id"""


async def _rewards(books: Books) -> AsyncIterator[Finding]:
    async for order_id, order, reward in merged(
        books.rows("order", _EARNING), books.rows("member", _REWARDS)
    ):
        if not books.is_quiet(order, reward):
            continue
        expected = found = "no reward"
        if order is not None and order["status"] in EVER_PAID:
            expected = _said(
                order["goods_fen"], order["points_used"], order["refunded_fen"], order["points_returned"]
            )
        if reward is not None:
            found = _said(*(reward[name] for name in _REWARD))
        if found != expected:
            yield finding("L3", expected, found, order_id=order_id)


_REWARD = ("goods_fen", "points_spent", "refunded_fen", "points_returned")


def _said(goods_fen: int, points_spent: int, refunded_fen: int, points_returned: int) -> str:
    return (
        f"for {goods_fen} fen of goods and {points_spent} points,"
        f" less {refunded_fen} fen and {points_returned} points refunded"
    )


L3 = Clause(
    "L3",
    Kind.REST,
    "each ever-paid order was rewarded once, for what its goods cost, less what its refunds brought back",
    ("order", "member"),
    _rewards,
    Group.ORDERS,
)

L3_RULE = sql(
    "L3.rule",
    Kind.ALWAYS,
    "an order earned points and growth by its rule; refunds took back pro rata, never more than earned",
    "member",
    f"""SELECT w.order_id, format('%s points and %s growth earned, %s and %s taken back, %s fen refunded', earned, grown,
          earned - left_points, grown - left_growth, w.refunded_fen) AS expected,
        format('%s points and %s growth earned, %s and %s taken back, %s fen refunded', coalesce(p.points, 0),
          coalesce(g.growth, 0), coalesce(f.points, 0), coalesce(f.growth, 0), coalesce(f.fen, 0)) AS found
      FROM (SELECT *, goods_fen / 100 * earn_points_per_yuan AS earned, goods_fen / 100 * growth_per_yuan AS grown,
                   (goods_fen - refunded_fen) / 100 * earn_points_per_yuan AS left_points,
                   (goods_fen - refunded_fen) / 100 * growth_per_yuan AS left_growth FROM order_rewards) w
      LEFT JOIN points_transfers p ON p.source_type = 'order' AND p.source_id = w.order_id::text AND p.kind = 'earn'
      LEFT JOIN growth_entries g ON g.source_type = 'order' AND g.source_id = w.order_id::text AND g.kind = 'earn'
      LEFT JOIN LATERAL (SELECT sum(points_taken_back) AS points, sum(growth_taken_back) AS growth, sum(goods_fen) AS fen
          FROM order_refunds WHERE order_id = w.order_id) f ON true
     WHERE {in_scope("w.order_id")} AND (coalesce(p.points, 0) <> earned OR coalesce(g.growth, 0) <> grown
        OR coalesce(f.points, 0) <> earned - left_points OR coalesce(f.growth, 0) <> grown - left_growth
        OR coalesce(f.fen, 0) <> w.refunded_fen)""",
    f"""SELECT r.order_id, r.refund_id, format('%s points taken back, %s returned, %s growth taken back',
          r.points_taken_back, r.points_returned, r.growth_taken_back) AS expected,
        format('%s, %s, %s', coalesce(t.taken, 0), coalesce(t.returned, 0), coalesce(g.growth, 0)) AS found
      FROM order_refunds r LEFT JOIN LATERAL (
        SELECT sum(points) FILTER (WHERE kind IN ('take_back', 'owe')) AS taken,
               sum(points) FILTER (WHERE kind = 'return') AS returned
          FROM points_transfers WHERE source_type = 'refund' AND source_id = r.refund_id::text) t ON true
      LEFT JOIN LATERAL (SELECT -sum(growth) AS growth FROM growth_entries
         WHERE source_type = 'refund' AND source_id = r.refund_id::text) g ON true
     WHERE {in_scope("r.order_id")} AND (coalesce(t.taken, 0) <> r.points_taken_back
        OR coalesce(t.returned, 0) <> r.points_returned OR coalesce(g.growth, 0) <> r.growth_taken_back)""",
    group=Group.ORDERS,
)

L4 = sql(
    "L4",
    Kind.ALWAYS,
    "what is held is what open holds sum to; the lots hold what the entries say the member has",
    "member",
    f"""SELECT a.member_id, format('%s held by orders', coalesce(h.points, 0)) AS expected,
        format('%s held', a.held) AS found
      FROM {_TOUCHED} touched JOIN points_accounts a USING (member_id) LEFT JOIN LATERAL (
        SELECT sum(points) AS points FROM points_holds WHERE member_id = a.member_id AND state = 'held') h ON true
     WHERE a.held <> coalesce(h.points, 0)""",
    f"""SELECT a.member_id, format('lots of %s points', coalesce(e.points, 0)) AS expected,
        format('lots of %s points', coalesce(l.points, 0)) AS found
      FROM {_TOUCHED} touched JOIN points_accounts a USING (member_id) LEFT JOIN LATERAL (
        SELECT sum(points) FILTER (WHERE account IN ('spendable', 'held')) AS points
          FROM points_entries WHERE member_id = a.member_id) e ON true
      LEFT JOIN LATERAL (SELECT sum(remaining) AS points FROM points_lots
         WHERE member_id = a.member_id AND remaining > 0) l ON true
     WHERE coalesce(e.points, 0) <> coalesce(l.points, 0)""",
    group=Group.POINTS,
)

L5 = sql(
    "L5",
    Kind.ALWAYS,
    "growth is what its entries sum to, and the level follows from it alone: at most 4 levels, from 0 up",
    "member",
    f"""SELECT a.member_id, format('growth %s', coalesce(e.growth, 0)) AS expected, format('growth %s', a.growth) AS found
      FROM {_TOUCHED} touched JOIN growth_accounts a USING (member_id) LEFT JOIN LATERAL (
        SELECT sum(growth) AS growth FROM growth_entries WHERE member_id = a.member_id) e ON true
     WHERE a.growth <> coalesce(e.growth, 0) OR a.growth < 0""",
    """SELECT 'member_levels' AS levels, '1 to 4 levels, from 0 up' AS expected,
        string_agg(threshold_growth::text, ', ' ORDER BY position) AS found
      FROM (SELECT position, threshold_growth, lag(threshold_growth) OVER (ORDER BY position) AS lower FROM member_levels) l
    HAVING count(*) NOT BETWEEN 1 AND 4 OR min(threshold_growth) <> 0 OR bool_or(threshold_growth <= lower)""",
    group=Group.POINTS,
)

L6 = sql(
    "L6",
    Kind.ALWAYS,
    "one member for each (appid, openid) and each unionid; nobody without either",
    "member",
    """SELECT appid, 'one member' AS expected, string_agg(member_id::text, ' ') AS found
      FROM wechat_identities GROUP BY appid, openid HAVING count(*) > 1""",
    """SELECT md5(unionid) AS unionid_md5, 'one member' AS expected, string_agg(member_id::text, ' ') AS found
      FROM wechat_unionids GROUP BY unionid HAVING count(*) > 1""",
    """SELECT m.id AS member_id, 'a WeChat identity' AS expected, 'none' AS found
      FROM members m WHERE m.id > :through AND NOT EXISTS (SELECT FROM wechat_identities WHERE member_id = m.id)""",
    group=Group.POINTS,
)

CLAUSES = (L1, L2, L3, L3_RULE, L4, L5, L6)
