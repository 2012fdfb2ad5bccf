"""An order's states as the audit knows them, in its own words, and the orders to look at."""

from collections.abc import Mapping

from audit.books import in_scope

NEXT: Mapping[str, tuple[str, ...]] = {
    "creating": ("pending_pay", "closed"),
    "pending_pay": ("paid", "closing"),
    "closing": ("paid", "closed"),
    "closed": (),
    "paid": ("partly_shipped", "shipped"),
    "partly_shipped": ("shipped",),
    "shipped": ("completed",),
    "completed": (),
}
EVER_PAID = ("paid", "partly_shipped", "shipped", "completed")
OPEN = ("pending_pay", "closing")

ORDERS = f"""
    SELECT o.id, o.member_id, o.status, o.payable_fen, o.refund_summary, o.coupon_id, o.points_used,
           greatest(h.at, o.placed_at) AS changed_at
      FROM orders o LEFT JOIN order_history h ON h.order_id = o.id AND h.version = o.version
     WHERE {in_scope("o.id")} ORDER BY o.id"""
"""The orders in scope, by id, with when they changed last."""
