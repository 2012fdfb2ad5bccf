"""One lie a clause: statements that make an otherwise clean history break that clause and no other."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Corruption:
    """What the owner of one database does to it; the last statement changes exactly one row, or none for DDL."""

    service: str
    statements: tuple[str, ...]
    findings: int


def lie(service: str, *statements: str, findings: int = 1) -> Corruption:
    return Corruption(service, statements, findings)


_OLD = "now() - interval '2 days'"
_UNSEALED = (
    "ALTER TABLE journals DISABLE TRIGGER USER",
    "UPDATE journals SET seal_number = NULL",
    "DELETE FROM carried_balances",
    "DELETE FROM ledger_seals",
)
"""The lie is told before the books are sealed: afterwards the chain of seals would tell on it too."""

_CLOSED_DAY = (
    "INSERT INTO reconciliations (bill_on, status, step, asked_at, compared_at)"
    " VALUES ('2020-02-02', 'closed', 'done', now(), now())",
    "INSERT INTO reconciliation_closings VALUES ('2020-02-02', now(), NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0)",
)

CORRUPTIONS: Mapping[str, tuple[Corruption, ...]] = {
    "M1": (
        lie(
            "payment",
            "UPDATE payments SET transaction_id = 'T-OF-NOBODY' WHERE payment_id ="
            " (SELECT payment_id FROM payments WHERE method = 'wechat_pay' LIMIT 1)",
        ),
    ),
    "M2": (
        lie(
            "payment",
            "UPDATE payments SET refunded_fen = refunded_fen - 1 WHERE payment_id ="
            " (SELECT payment_id FROM payments WHERE refunded_fen > 1 LIMIT 1)",
        ),
    ),
    "M3": (
        lie(
            "payment",
            "UPDATE payments SET order_id = gen_random_uuid() WHERE payment_id = (SELECT payment_id FROM payments"
            " WHERE method = 'wechat_pay' AND refunded_fen = 0 LIMIT 1)",
            findings=2,
        ),
    ),
    "M4": (
        lie(
            "payment",
            *_UNSEALED,
            "DELETE FROM journal_entries e USING journals j WHERE e.journal_id = j.journal_id AND j.kind = 'paid_out'"
            " AND j.source_id = (SELECT refund_id::text FROM refunds ORDER BY refund_id LIMIT 1)",
            "DELETE FROM journals WHERE kind = 'paid_out'"
            " AND source_id = (SELECT refund_id::text FROM refunds ORDER BY refund_id LIMIT 1)",
            "UPDATE refunds SET status = 'processing', refunded_at = NULL"
            " WHERE refund_id = (SELECT refund_id FROM refunds ORDER BY refund_id LIMIT 1)",
        ),
    ),
    "M5": (
        lie(
            "order",
            "ALTER TABLE orders DROP CONSTRAINT orders_sum_check",
            "UPDATE orders SET discount_fen = discount_fen + 1 WHERE id = (SELECT id FROM orders ORDER BY id LIMIT 1)",
        ),
        lie(
            "order",
            "UPDATE order_lines SET refunded_fen = refunded_fen - 1"
            " WHERE id = (SELECT id FROM order_lines WHERE refunded_fen > 1 ORDER BY id LIMIT 1)",
        ),
    ),
    "M6.balance": (
        lie(
            "payment",
            *_UNSEALED,
            "ALTER TABLE journal_entries DISABLE TRIGGER USER",
            "UPDATE journal_entries SET amount_fen = amount_fen - 1 WHERE (journal_id, account) = (SELECT journal_id,"
            " account FROM journal_entries WHERE amount_fen < 0 ORDER BY journal_id LIMIT 1)",
        ),
    ),
    "M6.once": (
        lie(
            "payment",
            *_UNSEALED,
            "ALTER TABLE journals DROP CONSTRAINT journals_source_type_source_id_kind_key",
            "ALTER TABLE journals DISABLE TRIGGER USER",
            "ALTER TABLE journal_entries DISABLE TRIGGER USER",
            "INSERT INTO journals SELECT 'ffffffff-0000-7000-8000-000000000001', source_type, source_id, kind, payment_id,"
            " posted_at FROM journals ORDER BY journal_id LIMIT 1",
            "INSERT INTO journal_entries SELECT 'ffffffff-0000-7000-8000-000000000001', account, amount_fen FROM"
            " journal_entries WHERE journal_id = (SELECT journal_id FROM journals ORDER BY journal_id LIMIT 1)"
            " AND amount_fen > 0",
            "INSERT INTO journal_entries SELECT 'ffffffff-0000-7000-8000-000000000001', account, amount_fen FROM"
            " journal_entries WHERE journal_id = (SELECT journal_id FROM journals ORDER BY journal_id LIMIT 1)"
            " AND amount_fen < 0",
        ),
    ),
    "M6.rows": (
        lie(
            "payment",
            *_UNSEALED,
            "DELETE FROM journal_entries WHERE journal_id = (SELECT min(journal_id::text)::uuid FROM journals"
            " WHERE kind = 'received')",
            "DELETE FROM journals WHERE journal_id = (SELECT min(journal_id::text)::uuid FROM journals"
            " WHERE kind = 'received')",
        ),
    ),
    "M6.chain": (
        lie(
            "payment",
            "ALTER TABLE journals DISABLE TRIGGER USER",
            "UPDATE journals SET posted_at = posted_at - interval '1 second' WHERE journal_id ="
            " (SELECT journal_id FROM journals WHERE seal_number = 1 ORDER BY journal_id LIMIT 1)",
        ),
        lie("payment", "UPDATE ledger_seals SET hash = 'another' WHERE seal_number = 1"),
        lie(
            "payment",
            *_UNSEALED,
            "INSERT INTO ledger_seals SELECT 1, 1, '', 'a hash of nothing', now()",
        ),
    ),
    "M6.carried": (
        lie(
            "payment",
            "UPDATE carried_balances SET balance_fen = balance_fen + 1 WHERE (seal_number, account) ="
            " (SELECT seal_number, account FROM carried_balances ORDER BY seal_number DESC, account LIMIT 1)",
        ),
        lie(
            "payment",
            "UPDATE carried_balances SET balance_fen = balance_fen + 1 WHERE (seal_number, account) ="
            " (SELECT seal_number, account FROM carried_balances ORDER BY seal_number, account LIMIT 1)",
            findings=2,
        ),
        lie(
            "payment",
            "DELETE FROM carried_balances WHERE (seal_number, account) ="
            " (SELECT seal_number, account FROM carried_balances ORDER BY seal_number DESC, account LIMIT 1)",
        ),
        lie(
            "payment",
            "INSERT INTO carried_balances SELECT max(seal_number), 'nobodys', 0 FROM carried_balances",
        ),
    ),
    "M6.grants": (
        lie("payment", "GRANT UPDATE ON journals TO payment"),
        lie("payment", "GRANT UPDATE ON carried_balances TO payment"),
        lie("member", "GRANT DELETE ON inbox TO PUBLIC"),
    ),
    "M7": (
        lie(
            "payment",
            *_CLOSED_DAY,
            "INSERT INTO trade_bill_rows VALUES ('2020-02-02', 1, 'payment', 'NOBODY-1', '42', 'NOBODY-1', 'SUCCESS',"
            " 100, 100, 1, true, '2020-02-02T12:00:00+08:00')",
        ),
        lie(
            "payment",
            *_CLOSED_DAY,
            "UPDATE attempts SET paid_at = '2020-02-02T12:00:00+08:00' WHERE out_trade_no = (SELECT min(out_trade_no)"
            " FROM attempts WHERE status = 'succeeded')",
        ),
        lie(
            "payment",
            *_CLOSED_DAY,
            "INSERT INTO reconciliation_differences (bill_on, bill, kind, number, found_run, found_at)"
            " VALUES ('2020-02-02', 'trade', 'missing_in_books', 'NOBODY-1', 1, now())",
        ),
    ),
    "M9": (
        lie(
            "payment",
            "UPDATE payments SET share_max_bp = 3000, shared_fen = 1 WHERE payment_id ="
            " (SELECT payment_id FROM payments WHERE method = 'wechat_pay' LIMIT 1)",
        ),
    ),
    "M8": (
        lie(
            "payment",
            f"UPDATE attempts SET initiated_at = {_OLD}, queried_at = {_OLD} WHERE status = 'prepaid'",
        ),
    ),
    "M10": (
        lie(
            "order",
            "UPDATE order_history SET status = 'closing' WHERE (order_id, version) = (SELECT order_id, version"
            " FROM order_history WHERE status = 'paid' ORDER BY order_id LIMIT 1)",
        ),
        lie(
            "order",
            "UPDATE order_history SET at = at - interval '1 hour' WHERE (order_id, version) = (SELECT order_id, version"
            " FROM order_history WHERE status = 'pending_pay' ORDER BY order_id LIMIT 1)",
        ),
        lie(
            "order",
            "DELETE FROM order_history WHERE (order_id, version) = (SELECT order_id, version FROM order_history"
            " WHERE status = 'pending_pay' ORDER BY order_id LIMIT 1)",
        ),
    ),
    "S1": (
        lie(
            "catalog",
            "UPDATE stock_levels SET on_hand = on_hand + 1 WHERE sku_id = (SELECT sku_id FROM stock_levels LIMIT 1)",
        ),
    ),
    "S2": (
        lie(
            "catalog",
            "UPDATE reservation_lines SET restocked = restocked + 1 WHERE (order_id, sku_id) = (SELECT order_id, sku_id"
            " FROM reservation_lines JOIN reservations USING (order_id) WHERE state = 'committed' AND restocked < quantity"
            " LIMIT 1)",
        ),
    ),
    "S3": (
        lie(
            "order",
            "INSERT INTO order_history SELECT id, version + 1, 'closing', NULL, 'system', NULL, placed_at + interval '1 s'"
            " FROM orders WHERE status = 'pending_pay' AND coupon_id IS NULL",
            "INSERT INTO order_history SELECT id, version + 2, 'closed', NULL, 'system', NULL, placed_at + interval '1 s'"
            " FROM orders WHERE status = 'pending_pay' AND coupon_id IS NULL",
            "UPDATE order_history SET at = (SELECT placed_at FROM orders WHERE id = order_id) WHERE order_id ="
            " (SELECT id FROM orders WHERE status = 'pending_pay' AND coupon_id IS NULL)",
            "UPDATE orders SET status = 'closed', version = version + 2, unpaid_slot = NULL, closed_at = placed_at"
            " WHERE status = 'pending_pay' AND coupon_id IS NULL",
        ),
    ),
    "S3.once": (
        lie(
            "catalog",
            "UPDATE stock_movements SET source_id = gen_random_uuid() WHERE id = (SELECT min(id) FROM stock_movements"
            " WHERE kind = 'commit')",
        ),
    ),
    "S5": (
        lie(
            "catalog",
            "INSERT INTO reservations (order_id, member_id, state, held_at)"
            f" VALUES (gen_random_uuid(), gen_random_uuid(), 'held', {_OLD})",
        ),
    ),
    "C1": (
        lie(
            "campaign",
            "UPDATE coupon_templates SET issued = issued + 1 WHERE id = (SELECT id FROM coupon_templates LIMIT 1)",
        ),
    ),
    "C2": (
        lie(
            "campaign",
            "UPDATE coupons SET order_id = gen_random_uuid()"
            " WHERE id = (SELECT id FROM coupons WHERE state = 'used' LIMIT 1)",
        ),
    ),
    "C3": (
        lie(
            "campaign",
            "UPDATE coupon_locks SET discount_fen = 1000000 WHERE order_id = (SELECT order_id FROM coupon_locks"
            " WHERE state = 'redeemed' LIMIT 1)",
        ),
        lie(
            "campaign",
            f"UPDATE coupon_locks SET locked_at = {_OLD} WHERE order_id = (SELECT order_id FROM coupon_locks"
            " WHERE state = 'redeemed' LIMIT 1)",
        ),
    ),
    "C4": (
        lie(
            "campaign",
            "DELETE FROM coupon_journal WHERE id = (SELECT min(id) FROM coupon_journal WHERE kind = 'lock')",
        ),
    ),
    "L1": (
        lie(
            "member",
            "UPDATE points_accounts SET spendable = spendable + 1"
            " WHERE member_id = (SELECT member_id FROM points_accounts WHERE owed = 0 LIMIT 1)",
        ),
    ),
    "L2": (
        lie(
            "member",
            "UPDATE points_transfers SET source_id = member_id || ':2020-01-01' WHERE id = (SELECT id FROM points_transfers"
            " WHERE source_type = 'login' ORDER BY id LIMIT 1)",
        ),
    ),
    "L3": (
        lie(
            "member",
            "DELETE FROM order_rewards WHERE order_id = (SELECT order_id FROM order_rewards WHERE refunded_fen = 0 LIMIT 1)",
        ),
    ),
    "L3.rule": (
        lie(
            "member",
            "UPDATE order_refunds SET points_returned = points_returned + 1"
            " WHERE refund_id = (SELECT refund_id FROM order_refunds ORDER BY refund_id LIMIT 1)",
        ),
    ),
    "L4": (
        lie(
            "member",
            "UPDATE points_lots SET remaining = remaining - 1"
            " WHERE id = (SELECT id FROM points_lots WHERE remaining > 1 LIMIT 1)",
        ),
        lie("member", "UPDATE points_holds SET points = points + 1 WHERE state = 'held'"),
    ),
    "L5": (
        lie(
            "member",
            "UPDATE growth_accounts SET growth = growth + 1"
            " WHERE member_id = (SELECT member_id FROM growth_accounts LIMIT 1)",
        ),
        lie("member", "UPDATE member_levels SET threshold_growth = 30000 WHERE position = 2"),
    ),
    "L6": (
        lie(
            "member",
            "ALTER TABLE wechat_identities DROP CONSTRAINT wechat_identities_pkey",
            "ALTER TABLE wechat_identities DROP CONSTRAINT wechat_identities_member_id_appid_key",
            "INSERT INTO wechat_identities SELECT * FROM wechat_identities LIMIT 1",
        ),
    ),
    "E1": (
        lie(
            "member",
            "DELETE FROM inbox WHERE (reaction, event_id) = (SELECT reaction, event_id FROM inbox"
            " WHERE reaction = 'member.settle-order' ORDER BY event_id DESC LIMIT 1)",
        ),
        lie(
            "campaign",
            "INSERT INTO inbox (reaction, event_id) VALUES ('campaign.redeem-coupon', gen_random_uuid())",
        ),
    ),
    "E2": (
        lie(
            "catalog",
            "UPDATE stock_movements SET source_id = gen_random_uuid() WHERE id = (SELECT min(id) FROM stock_movements"
            " WHERE kind = 'restock')",
        ),
    ),
    "E3": (
        lie(
            "order",
            "UPDATE outbox SET sent_at = NULL WHERE id = (SELECT max(id) FROM outbox)",
        ),
        lie(
            "member",
            "INSERT INTO stalled_events (reaction, event_id, type, envelope, state, attempts, reason)"
            " VALUES ('member.settle-order', gen_random_uuid(), 'order.paid.v1', '{}', 'parked', 8, 'no')",
        ),
    ),
    "E4": (
        lie(
            "member",
            "UPDATE outbox SET envelope = replace(envelope, envelope::jsonb -> 'data' ->> 'entry_id',"
            " '01900000-0000-7000-8000-000000000000')"
            " WHERE id = (SELECT min(id) FROM outbox WHERE type = 'points.earned.v1')",
            findings=2,
        ),
        lie(
            "order",
            "UPDATE outbox SET subject = gen_random_uuid()"
            " WHERE id = (SELECT min(id) FROM outbox WHERE type = 'order.paid.v1')",
            findings=2,
        ),
    ),
    "I1": (
        lie(
            "order",
            "ALTER TABLE orders DROP CONSTRAINT orders_idempotency_key_key",
            "UPDATE orders SET idempotency_key = (SELECT idempotency_key FROM orders ORDER BY id LIMIT 1)"
            " WHERE id = (SELECT id FROM orders ORDER BY id DESC LIMIT 1)",
        ),
    ),
    "I2": (
        lie(
            "order",
            "DELETE FROM timers WHERE id = (SELECT id FROM timers WHERE kind = 'close-unpaid' LIMIT 1)",
        ),
        lie(
            "payment",
            "DELETE FROM timers WHERE kind = 'payment.query-attempt' AND key IN (SELECT out_trade_no FROM"
            " attempts WHERE status = 'prepaid')",
        ),
    ),
    "I2.late": (
        lie(
            "order",
            f"UPDATE timers SET due_at = {_OLD} WHERE id = (SELECT id FROM timers WHERE kind = 'close-unpaid' LIMIT 1)",
        ),
    ),
    "V1": (
        lie(
            "order",
            "UPDATE refunds SET reason = '请打 13800138000 找我' WHERE id = (SELECT id FROM refunds LIMIT 1)",
        ),
        lie(
            "member",
            "UPDATE points_transfers SET reason = '身份证 11010519491231002X'"
            " WHERE id = (SELECT id FROM points_transfers LIMIT 1)",
        ),
        lie(
            "payment",
            'UPDATE timers SET payload = \'{"card": "6222020200112233446"}\' WHERE id = (SELECT id FROM timers LIMIT 1)',
        ),
    ),
    "V2": (
        lie(
            "member",
            "UPDATE addresses SET details_sealed = 'v1.9' || substr(details_sealed, 5)"
            " WHERE id = (SELECT id FROM addresses LIMIT 1)",
        ),
        lie("member", "UPDATE phones SET phone_index = decode('00', 'hex')"),
        lie(
            "order",
            "UPDATE orders SET address_sealed = (SELECT address_sealed FROM orders ORDER BY id LIMIT 1)"
            " WHERE id = (SELECT id FROM orders ORDER BY id DESC LIMIT 1)",
        ),
    ),
    "V3": (lie("member", f"UPDATE phones SET bound_at = {_OLD}"),),
    "V5.chain": (
        lie(
            "catalog",
            "UPDATE audit_log SET action = 'nothing.happened' WHERE position = (SELECT min(position) FROM audit_log"
            " WHERE action NOT LIKE 'stock%')",
        ),
        lie(
            "order",
            "DELETE FROM audit_log WHERE position = (SELECT min(position) + 1 FROM audit_log)",
        ),
    ),
    "V5.recorded": (
        lie(
            "member",
            "UPDATE points_transfers SET source_id = gen_random_uuid() WHERE id = (SELECT id FROM points_transfers"
            " WHERE source_type = 'adjustment' LIMIT 1)",
        ),
    ),
    "V6": (
        lie(
            "order",
            f"UPDATE orders SET shipped_at = {_OLD} WHERE id = (SELECT id FROM orders WHERE shipped_at IS NOT NULL LIMIT 1)",
        ),
        lie(
            "member",
            "UPDATE points_transfers SET at = now() + interval '1 day' WHERE id = (SELECT id FROM points_transfers"
            " WHERE source_type = 'adjustment' LIMIT 1)",
        ),
    ),
}
