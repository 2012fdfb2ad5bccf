"""The comparisons as SQL: a batch of rows a statement, both ways, every difference a row (M7).

Each statement takes a batch, adds what differs, and tells how far it came. The other side of a row is looked up by its
number in a lateral query that ends at the first hit: a plan that joins whole days goes wrong on tables just filled.
"""

from sqlalchemy import text

from services.payment.reconciliation.storage import FOUND_AGAIN

_TRADE_BATCH = (
    "batch AS MATERIALIZED (SELECT * FROM trade_bill_rows"
    " WHERE bill_on = :bill_on AND row_number > :after AND row_number <= :upto)"
)
_FUND_BATCH = _TRADE_BATCH.replace("trade_bill_rows", "fund_bill_rows")
_TRADE_FACTS = (
    "jsonb_build_object('row_number', s.row_number, 'kind', s.kind, 'provider_number', s.provider_number,"
    " 'out_trade_no', s.out_trade_no, 'state', s.state, 'amount_fen', s.amount_fen, 'settled_fen', s.settled_fen,"
    " 'fee_fen', s.fee_fen, 'is_ours', s.is_ours, 'traded_at', s.traded_at)"
)
_FUND_FACTS = (
    "jsonb_build_object('row_number', s.row_number, 'category', s.category, 'business_type', s.business_type,"
    " 'business_no', s.business_no, 'flow_no', s.flow_no, 'voucher_no', s.voucher_no, 'amount_fen', s.amount_fen,"
    " 'accounted_at', s.accounted_at)"
)
_BOOKS_FACTS = (
    "jsonb_build_object('kind', o.kind, 'provider_number', o.provider_number, 'out_trade_no', o.out_trade_no,"
    " 'state', o.state, 'amount_fen', o.amount_fen, 'booked_at', o.booked_at, 'order_id', o.order_id)"
)
_PAYMENTS = (
    "SELECT 'payment' AS kind, a.out_trade_no AS number, a.transaction_id AS provider_number, a.out_trade_no,"
    " coalesce(a.paid_fen, p.amount_fen) AS amount_fen, a.status AS state, a.paid_at AS booked_at, p.order_id"
    " FROM attempts a JOIN payments p USING (payment_id)"
)
_REFUNDS = (
    "SELECT 'refund' AS kind, x.out_refund_no AS number, x.wechat_refund_id AS provider_number, r.out_trade_no,"
    " r.refund_fen AS amount_fen, x.status AS state, coalesce(x.accepted_at, x.requested_at) AS booked_at, r.order_id"
    " FROM refund_attempts x JOIN refunds r USING (refund_id)"
)
_INSERT = (
    "INSERT INTO reconciliation_differences AS d"
    " (bill_on, bill, kind, number, bill_facts, books_facts, found_run, found_at)"
)

COMPARE_TRADES = text(
    f"WITH {_TRADE_BATCH}, sides AS ("
    " SELECT b.*, CASE WHEN o.number IS NOT NULL THEN to_jsonb(o) END AS ours, o.number IS NOT NULL AS is_known,"
    "  o.provider_number AS our_provider_number, o.out_trade_no AS our_out_trade_no,"
    "  o.amount_fen AS our_amount_fen, o.state AS our_state, o.booked_at,"
    "  e.row_number IS NOT NULL AS is_repeated"
    " FROM batch b LEFT JOIN LATERAL (SELECT e.row_number FROM trade_bill_rows e WHERE e.number = b.number"
    "   AND e.kind = b.kind AND (e.bill_on, e.row_number) < (b.bill_on, b.row_number) LIMIT 1) e ON true"
    f" LEFT JOIN LATERAL ({_PAYMENTS} WHERE b.kind = 'payment' AND a.out_trade_no = b.number"
    f"  UNION ALL {_REFUNDS} WHERE b.kind = 'refund' AND x.out_refund_no = b.number) o ON true"
    f"), found AS ({_INSERT}"
    " SELECT :bill_on, 'trade', v.kind, v.number,"
    f"  {_TRADE_FACTS}, s.ours, :run, :at"
    " FROM sides s CROSS JOIN LATERAL (VALUES"
    "  ('duplicate_row', s.number || '#' || s.row_number, s.is_repeated),"
    "  ('missing_in_books', s.number, NOT s.is_repeated AND NOT s.is_known),"
    "  ('identity_differs', s.number, NOT s.is_repeated AND s.is_known AND (NOT s.is_ours"
    "    OR s.provider_number <> s.our_provider_number OR s.out_trade_no <> s.our_out_trade_no)),"
    "  ('amount_differs', s.number, NOT s.is_repeated AND s.is_known AND s.amount_fen <> s.our_amount_fen),"
    "  ('state_differs', s.number, NOT s.is_repeated AND s.is_known"
    "    AND s.kind || ':' || s.state || ':' || s.our_state <> ALL(CAST(:agreeing AS text[]))),"
    "  ('day_differs', s.number, NOT s.is_repeated AND s.booked_at NOT BETWEEN :early AND :late)"
    " ) AS v (kind, number, holds) WHERE v.holds" + FOUND_AGAIN + ") SELECT count(*) AS rows FROM batch"
)
"""Every row of the trade bill has its payment or refund in our books: the same number, fen and state, about the same day."""


def _compare_books(ours: str, condition: str, booked_at: str, number: str) -> str:
    return (
        f"WITH batch AS MATERIALIZED ({ours} WHERE {condition}"
        f" AND {booked_at} >= :start AND {booked_at} < :end"
        f" AND ({booked_at}, {number}) > (:cursor_at, :cursor_number)"
        f" ORDER BY {booked_at}, {number} LIMIT :limit"
        f"), found AS ({_INSERT}"
        f" SELECT :bill_on, 'trade', 'missing_in_bill', o.number, NULL, {_BOOKS_FACTS}, :run, :at FROM batch o"
        " LEFT JOIN LATERAL (SELECT b.row_number FROM trade_bill_rows b WHERE b.number = o.number AND b.kind = o.kind"
        "  AND b.bill_on BETWEEN :day_before AND :day_after LIMIT 1) b ON true"
        " WHERE b.row_number IS NULL" + FOUND_AGAIN + ")"
        " SELECT number, booked_at, (SELECT count(*) FROM batch) AS rows FROM batch"
        " ORDER BY booked_at DESC, number DESC LIMIT 1"
    )


COMPARE_PAYMENTS = text(_compare_books(_PAYMENTS, "a.status = 'succeeded'", "a.paid_at", "a.out_trade_no"))
"""Every attempt that was paid on the day, surplus ones too, has its row in the trade bill, at the latest in the next."""
COMPARE_REFUNDS = text(
    _compare_books(
        _REFUNDS,
        "x.wechat_refund_id IS NOT NULL",
        "coalesce(x.accepted_at, x.requested_at)",
        "x.out_refund_no",
    )
)
"""Every refund that the provider accepted on the day has its row."""

COMPARE_SETTLEMENTS = text(
    f"WITH {_TRADE_BATCH}, sides AS (SELECT b.*, f.moved_fen, f.kept_fen FROM batch b CROSS JOIN LATERAL ("
    "  SELECT coalesce(sum(f.amount_fen) FILTER (WHERE f.category = b.kind), 0)::bigint AS moved_fen,"
    "   coalesce(-sum(f.amount_fen) FILTER (WHERE f.category = b.kind || '_fee'), 0)::bigint AS kept_fen"
    "  FROM fund_bill_rows f WHERE f.business_no = b.provider_number"
    "   AND f.bill_on BETWEEN :day_before AND :day_after) f"
    f"), found AS ({_INSERT}"
    f" SELECT DISTINCT ON (v.kind, s.number) :bill_on, 'fund', v.kind, s.number, {_TRADE_FACTS}"
    "   || jsonb_build_object('fund_moved_fen', s.moved_fen, 'fund_fee_fen', s.kept_fen), NULL::jsonb, :run,"
    "   CAST(:at AS timestamptz)"
    " FROM sides s CROSS JOIN LATERAL (VALUES"
    "  ('missing_in_fund_bill', s.moved_fen = 0 AND s.settled_fen <> 0),"
    "  ('fund_amount_differs', s.moved_fen <> 0 AND s.moved_fen <> s.settled_fen),"
    "  ('fee_differs', s.moved_fen <> 0 AND s.kept_fen <> s.fee_fen)"
    " ) AS v (kind, holds) WHERE v.holds AND s.state <> 'FAIL'" + FOUND_AGAIN + ")"
    " SELECT count(*) AS rows FROM batch"
)
"""Every row of the trade bill moved its money and its fee in the fund bill; a refund that failed moved none for good."""

_OF_TRADES = "('payment', 'payment_fee', 'refund', 'refund_fee', 'refund_returned', 'refund_fee_returned')"
_ONCE = "('payment', 'payment_fee', 'refund', 'refund_fee')"

_SHARED = (
    "EXISTS (SELECT FROM share_parts p WHERE p.out_order_no = s.voucher_no AND p.amount_fen = -s.amount_fen"
    " AND p.result <> 'closed')"
)
_SHARE_RETURNED = (
    "EXISTS (SELECT FROM share_returns r WHERE r.amount_fen = s.amount_fen AND r.out_return_no"
    " IN (s.voucher_no, regexp_replace(s.voucher_no, '-[0-9]+$', '')))"
)

COMPARE_FUNDS = text(
    f"WITH {_FUND_BATCH}, sides AS (SELECT b.*, t.number AS trade_number,"
    "  e.row_number IS NOT NULL AS is_repeated,"
    "  abs(t.fee_fen) = abs(b.amount_fen) AND d.number IS NULL AS fee_agrees"
    " FROM batch b LEFT JOIN LATERAL (SELECT e.row_number FROM fund_bill_rows e WHERE e.business_no = b.business_no"
    f"   AND b.category IN {_ONCE} AND e.category = b.category"
    "   AND (e.bill_on, e.row_number) < (b.bill_on, b.row_number) LIMIT 1) e ON true"
    " LEFT JOIN LATERAL (SELECT * FROM trade_bill_rows t WHERE t.provider_number = b.business_no"
    f"   AND b.category IN {_OF_TRADES} AND t.bill_on <= :day_after"
    "  ORDER BY t.bill_on, t.row_number LIMIT 1) t ON true"
    " LEFT JOIN LATERAL (SELECT d.number FROM reconciliation_differences d WHERE d.number = t.number"
    "   AND d.bill_on = t.bill_on AND d.bill = 'trade' LIMIT 1) d ON true"
    f"), found AS ({_INSERT}"
    f" SELECT :bill_on, 'fund', v.kind, s.flow_no || '#' || s.row_number, {_FUND_FACTS}, NULL, :run, :at"
    " FROM sides s CROSS JOIN LATERAL (VALUES"
    "  ('unknown_fund_row', s.category = 'unknown'"
    f"    OR s.category = 'profit_share' AND NOT {_SHARED}"
    f"    OR s.category = 'profit_share_return' AND NOT {_SHARE_RETURNED}),"
    "  ('duplicate_row', s.is_repeated),"
    f"  ('missing_in_trade_bill', s.category IN {_OF_TRADES} AND s.trade_number IS NULL)"
    " ) AS v (kind, holds) WHERE v.holds" + FOUND_AGAIN + ")"
    " SELECT count(*) AS rows,"
    " coalesce(-sum(amount_fen) FILTER (WHERE category IN ('payment_fee', 'refund_fee_returned')"
    "  AND fee_agrees AND NOT is_repeated), 0)::bigint AS fees_charged_fen,"
    " coalesce(sum(amount_fen) FILTER (WHERE category = 'refund_fee'"
    "  AND fee_agrees AND NOT is_repeated), 0)::bigint AS fees_returned_fen FROM sides"
)
"""Every movement of the fund bill is a trade's, profit sharing's or the merchant's own; fees on which all agree add up."""
