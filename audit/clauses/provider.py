"""What WeChat Pay's bills and profit sharing say, against our books (M7, M9)."""

from collections.abc import AsyncIterator
from datetime import date

from audit.books import Books, in_scope
from audit.clause import Clause, Finding, Group, Kind, finding, sql

_CLOSED_DAYS = "SELECT bill_on FROM reconciliation_closings WHERE bill_on > :day ORDER BY bill_on"
_PAYMENTS = """
    SELECT 'payment' AS kind, a.out_trade_no AS number, coalesce(a.paid_fen, p.amount_fen) AS fen, a.paid_at AS at
      FROM attempts a JOIN payments p USING (payment_id) WHERE a.status = 'succeeded'"""
_REFUNDS = """
    SELECT 'refund' AS kind, x.out_refund_no AS number, r.refund_fen AS fen, coalesce(x.accepted_at, x.requested_at) AS at
      FROM refund_attempts x JOIN refunds r USING (refund_id) WHERE x.wechat_refund_id IS NOT NULL"""
_BILLED = f"""
    SELECT b.number, b.kind, format('%s fen, once', b.amount_fen) AS expected,
           coalesce(format('%s fen in our books', o.fen), 'not in our books') AS found
      FROM trade_bill_rows b
      LEFT JOIN LATERAL (
        {_PAYMENTS} AND b.kind = 'payment' AND a.out_trade_no = b.number
        UNION ALL {_REFUNDS} AND b.kind = 'refund' AND x.out_refund_no = b.number) o ON true
     WHERE b.bill_on = :day AND (o.fen IS DISTINCT FROM b.amount_fen OR EXISTS (
        SELECT FROM trade_bill_rows e WHERE e.number = b.number AND e.kind = b.kind
           AND (e.bill_on, e.row_number) < (b.bill_on, b.row_number)))
       AND NOT EXISTS (SELECT FROM reconciliation_differences d WHERE d.bill_on = b.bill_on
         AND d.number IN (b.number, b.number || '#' || b.row_number))"""


def _unbilled(ours: str, at: str) -> str:
    return f"""
    SELECT o.number, o.kind, format('%s fen in the bill', o.fen) AS expected, 'neither there nor a difference' AS found
      FROM ({ours} AND {at} >= :day::date::timestamp AT TIME ZONE 'Asia/Shanghai'
               AND {at} < (:day::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai') o
     WHERE NOT EXISTS (SELECT FROM trade_bill_rows b WHERE b.number = o.number AND b.kind = o.kind
         AND b.bill_on BETWEEN :day::date - 1 AND :day::date + 1)
       AND NOT EXISTS (SELECT FROM reconciliation_differences d WHERE d.number = o.number)"""


_UNDECIDED = """
    SELECT number, kind, 'decided by its owner' AS expected, status AS found FROM reconciliation_differences
     WHERE bill_on = :day AND (status = 'open' OR (status = 'carried' AND owner_id IS NULL))"""
_OF_A_DAY = (
    _BILLED,
    _unbilled(_PAYMENTS, "a.paid_at"),
    _unbilled(_REFUNDS, "coalesce(x.accepted_at, x.requested_at)"),
    _UNDECIDED,
)


async def _bills(books: Books) -> AsyncIterator[Finding]:
    """Days closed since the last run; one that is not closed is still being compared."""
    verified = date.fromisoformat(books.position.carried.get("day", "1970-01-01"))
    for row in await books.all("payment", _CLOSED_DAYS, day=verified):
        verified = row["bill_on"]
        for query in _OF_A_DAY:
            async for found in books.rows("payment", query, day=verified):
                yield finding(
                    "M7",
                    found["expected"],
                    found["found"],
                    bill_on=verified,
                    kind=found["kind"],
                    number=found["number"],
                )
    books.learned["carried"] = {"day": verified.isoformat()}


M7 = Clause(
    "M7",
    Kind.REST,
    "on each closed day WeChat Pay's bill and our books agree one to one, or a decided difference says how not",
    ("payment",),
    _bills,
    Group.BILLS,
)

M9 = sql(
    "M9",
    Kind.REST,
    "what is shared of a payment is what its parts say, within its ratio; shared − returned + refunded ≤ paid − fee",
    "payment",
    f"""SELECT p.order_id, format('%s fen shared, %s back, of %s fen paid at %s bp less %s fen refunded and %s fen fee',
          coalesce(s.fen, 0), coalesce(s.back_fen, 0), p.paid_fen, p.share_max_bp, p.refunded_fen, p.fee_fen) AS expected,
        format('%s fen shared, %s back', p.shared_fen, p.share_back_fen) AS found
      FROM payments p LEFT JOIN LATERAL (
        SELECT sum(amount_fen) FILTER (WHERE result <> 'closed') AS fen, sum(back_fen) AS back_fen
          FROM share_orders JOIN share_parts USING (out_order_no) WHERE payment_id = p.payment_id) s ON true
     WHERE {in_scope("p.order_id")} AND (p.shared_fen <> coalesce(s.fen, 0) OR p.share_back_fen <> coalesce(s.back_fen, 0)
        OR p.shared_fen > p.paid_fen * p.share_max_bp / 10000
        OR p.shared_fen - p.share_back_fen + p.refunded_fen + p.fee_fen - p.fee_fen * p.refunded_fen
             / greatest(p.paid_fen, 1) > p.paid_fen)""",
    group=Group.ORDERS,
)
