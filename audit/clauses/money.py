"""Money: payments, refunds, prices, the cash books (M1-M10)."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from audit.books import Books, Row, in_scope, lines
from audit.clause import Clause, Finding, Group, Kind, finding, require_running, sql
from audit.clauses.balances import M6_CARRIED
from audit.clauses.grants import GRANTS
from audit.clauses.orders import EVER_PAID, NEXT, ORDERS
from audit.clauses.provider import M7, M9
from audit.merging import merged
from services.order.pricing import InvalidPriceRequest, load_quote, load_request, price
from services.payment.ledger.seals import JOURNAL, NO_SEAL, seal_hash

M1 = sql(
    "M1",
    Kind.ALWAYS,
    "a payment succeeded ⇔ it has a transaction ⇔ paid = due; transactions are unique",
    "payment",
    f"""SELECT p.order_id, 'succeeded with one transaction and all paid, or none of it' AS expected,
        format('%s, transaction %s, paid %s of %s fen, by attempts %s', p.status,
          coalesce(p.transaction_id, 'none'), p.paid_fen, p.amount_fen, coalesce(a.transactions, 'none')) AS found
      FROM payments p LEFT JOIN LATERAL (
        SELECT string_agg(transaction_id, ' ') AS transactions FROM attempts
         WHERE payment_id = p.payment_id AND status = 'succeeded' AND surplus_reason IS NULL) a ON true
     WHERE {in_scope("p.order_id")} AND (
        (p.status = 'succeeded') <> (p.transaction_id IS NOT NULL)
        OR p.paid_fen <> CASE WHEN p.status = 'succeeded' THEN p.amount_fen ELSE 0 END
        OR a.transactions IS DISTINCT FROM CASE WHEN p.method = 'wechat_pay' THEN p.transaction_id END)""",
    f"""SELECT p.order_id, a.out_trade_no, 'a transaction of its own' AS expected,
        format('%s, as %s', a.transaction_id, b.out_trade_no) AS found
      FROM payments p JOIN attempts a USING (payment_id)
      JOIN attempts b ON b.transaction_id = a.transaction_id AND b.out_trade_no <> a.out_trade_no
     WHERE {in_scope("p.order_id")}""",
    group=Group.ORDERS,
)

M2 = sql(
    "M2",
    Kind.ALWAYS,
    "refunds are positive, sum to what is set aside, at most to what was paid, at most 50, one live number each",
    "payment",
    f"""SELECT p.order_id, format('%s fen in %s refunds, at most %s fen', p.refunded_fen, p.refund_count, p.paid_fen)
        AS expected, format('%s fen in %s refunds, the smallest %s', r.fen, r.many, coalesce(r.least, 0)) AS found
      FROM payments p LEFT JOIN LATERAL (
        SELECT coalesce(sum(refund_fen), 0) AS fen, count(*) AS many, min(refund_fen) AS least FROM refunds
         WHERE payment_id = p.payment_id AND kind = 'order' AND status <> 'refused') r ON true
     WHERE {in_scope("p.order_id")} AND (p.refunded_fen <> r.fen OR p.refund_count <> r.many
        OR r.fen > p.paid_fen OR r.many > 50 OR r.least <= 0)""",
    f"""SELECT r.order_id, r.refund_number, 'one live number' AS expected,
        string_agg(a.out_refund_no, ' ' ORDER BY a.number) AS found
      FROM refunds r JOIN refund_attempts a USING (refund_id)
     WHERE {in_scope("r.order_id")} AND a.status <> 'closed'
     GROUP BY r.order_id, r.refund_number HAVING count(*) > 1""",
    group=Group.ORDERS,
)

_PAYMENTS = f"""
    SELECT order_id, status, paid_fen, amount_fen,
           greatest(opened_at, paid_at, closed_at, closing_at) AS changed_at
      FROM payments WHERE {in_scope("order_id")} ORDER BY order_id"""


async def _one_payment(books: Books) -> AsyncIterator[Finding]:
    async for order_id, order, payment in merged(
        books.rows("order", ORDERS), books.rows("payment", _PAYMENTS)
    ):
        if not books.is_quiet(order, payment):
            continue
        expected = _due(order)
        found = "nothing" if payment is None or payment["status"] != "succeeded" else payment["paid_fen"]
        if (order is None and payment is not None) or str(expected) != str(found):
            yield finding("M3", f"{expected} paid", f"{found} paid", order_id=order_id)


def _due(order: Row | None) -> int | str:
    if order is None:
        return "no payment of an unknown order:"
    return int(order["payable_fen"]) if order["status"] in EVER_PAID else "nothing"


M3 = Clause(
    "M3",
    Kind.REST,
    "an order was ever paid ⇔ it has exactly one succeeded payment, of what it costs",
    ("order", "payment"),
    _one_payment,
    Group.ORDERS,
)

_REFUNDED_BY_ORDERS = f"""
    SELECT order_id, sum(refund_fen) FILTER (WHERE status = 'succeeded') AS fen,
           max(greatest(requested_at, refunded_at)) AS changed_at
      FROM refunds WHERE {in_scope("order_id")} GROUP BY order_id ORDER BY order_id"""
_REFUNDED_BY_PROVIDER = f"""
    SELECT order_id, sum(refund_fen) FILTER (WHERE status = 'succeeded') AS fen,
           max(greatest(requested_at, refunded_at)) AS changed_at
      FROM refunds WHERE kind = 'order' AND {in_scope("order_id")} GROUP BY order_id ORDER BY order_id"""
_SURPLUS = f"""
    SELECT a.out_trade_no, format('%s fen back, once', coalesce(a.paid_fen, p.amount_fen)) AS expected,
           format('%s fen back in %s refunds', coalesce(r.fen, 0), r.many) AS found
      FROM payments p JOIN attempts a USING (payment_id)
      LEFT JOIN LATERAL (
        SELECT sum(refund_fen) FILTER (WHERE status IN ('succeeded', 'processing')) AS fen, count(*) AS many
          FROM refunds WHERE payment_id = p.payment_id AND kind = 'surplus' AND out_trade_no = a.out_trade_no) r ON true
     WHERE {in_scope("p.order_id")} AND a.surplus_reason IS NOT NULL
       AND (r.fen IS DISTINCT FROM coalesce(a.paid_fen, p.amount_fen) OR r.many <> 1)"""


async def _same_refunds(books: Books) -> AsyncIterator[Finding]:
    async for order_id, order, provider in merged(
        books.rows("order", _REFUNDED_BY_ORDERS), books.rows("payment", _REFUNDED_BY_PROVIDER)
    ):
        wanted, done = ((row and row["fen"]) or 0 for row in (order, provider))
        if wanted != done and books.is_quiet(order, provider):
            yield finding("M4", f"{wanted} fen refunded", f"{done} fen refunded", order_id=order_id)
    async for row in books.rows("payment", _SURPLUS):
        yield finding("M4", row["expected"], row["found"], surplus=row["out_trade_no"])


M4 = Clause(
    "M4",
    Kind.REST,
    "with M3: paid − refunded at the provider = payable − refunded of orders; what nobody ordered goes back in full, once",
    ("order", "payment"),
    _same_refunds,
    Group.ORDERS,
)

_AMOUNTS = (
    *("goods_fen", "discount_fen", "coupon_discount_fen", "points_used", "points_discount_fen"),
    *("freight_fen", "freight_discount_fen", "payable_fen"),
)
_PRICED = f"""
    SELECT o.id, o.price_request, o.quote, {", ".join(f"o.{name}" for name in _AMOUNTS)},
           (SELECT json_agg(json_build_array(sku_id, quantity, unit_price_fen * quantity, payable_fen, points_used)
              ORDER BY sku_id) FROM order_lines WHERE order_id = o.id)::text AS lines
      FROM orders o WHERE {in_scope("o.id")} ORDER BY o.id"""
_REFUNDED = f"""
    SELECT o.id AS order_id, l.sku_id, format('%s units, %s fen', l.refunded_quantity, l.refunded_fen) AS expected,
           format('%s units, %s fen in refunds', coalesce(sum(r.quantity), 0), coalesce(sum(r.amount_fen), 0)) AS found
      FROM orders o JOIN order_lines l ON l.order_id = o.id LEFT JOIN refund_lines r ON r.order_line_id = l.id
     WHERE {in_scope("o.id")} GROUP BY o.id, l.id
    HAVING l.refunded_fen <> coalesce(sum(r.amount_fen), 0) OR l.refunded_quantity <> coalesce(sum(r.quantity), 0)
        OR l.refunded_fen > l.payable_fen"""
_REFUNDED_WHOLE = f"""
    SELECT o.id AS order_id, format('%s fen refunded of %s', o.refunded_fen, o.payable_fen) AS expected,
           format('%s fen in refunds', coalesce(sum(r.refund_fen), 0)) AS found
      FROM orders o LEFT JOIN refunds r ON r.order_id = o.id WHERE {in_scope("o.id")} GROUP BY o.id
    HAVING o.refunded_fen <> coalesce(sum(r.refund_fen), 0) OR o.refunded_fen > o.payable_fen"""


async def _prices(books: Books) -> AsyncIterator[Finding]:
    async for row in books.rows("order", _PRICED):
        if (wrong := _price_differs(row)) is not None:
            expected, found = wrong
            yield finding("M5", expected, found, order_id=row["id"])
    for query in (_REFUNDED, _REFUNDED_WHOLE):
        async for row in books.rows("order", query):
            keys = {name: row[name] for name in row.keys() if name not in ("expected", "found")}  # noqa: SIM118
            yield finding("M5", row["expected"], row["found"], **keys)


def _price_differs(row: Row) -> tuple[Any, Any] | None:
    """What the price engine says of an order today, and what is written, where they differ."""
    try:
        quote = price(load_request(orjson.loads(row["price_request"])))
        stored = load_quote(orjson.loads(row["quote"]))
    except (InvalidPriceRequest, ValueError) as error:
        return "a price request and a quote that can be read", error
    if quote != stored:
        return f"a quote of {quote.payable_fen} fen", f"another one, of {stored.payable_fen} fen"
    amounts = {name: getattr(quote, name) for name in _AMOUNTS}
    written = {name: row[name] for name in _AMOUNTS}
    if written != amounts:
        differing = [name for name in _AMOUNTS if written[name] != amounts[name]]
        return _told(amounts, differing), _told(written, differing)
    shares = sorted(
        [str(line.sku_id), line.quantity, line.list_fen, line.payable_fen, line.points_used]
        for line in quote.lines
    )
    found = orjson.loads(row["lines"] or "[]")
    if found != shares:
        return f"lines {shares}", f"lines {found}"
    paid_fen = sum(line.payable_fen for line in quote.lines) + quote.freight_fen - quote.freight_discount_fen
    return None if paid_fen == quote.payable_fen >= 0 else (quote.payable_fen, paid_fen)


def _told(amounts: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {amounts[name]}" for name in names)


M5 = Clause(
    "M5",
    Kind.ALWAYS,
    "an order costs what the price engine says today of what it was priced from; shares and refunds of lines add up",
    ("order",),
    _prices,
    Group.ORDERS,
)

M6_BALANCE = sql(
    "M6.balance",
    Kind.ALWAYS,
    "each journal, and so the whole ledger, sums to zero",
    "payment",
    """SELECT j.journal_id, j.source_type, j.source_id, j.kind, 'at least two entries that sum to 0' AS expected,
        format('%s entries, sum %s', count(e.account), coalesce(sum(e.amount_fen), 0)) AS found
      FROM journals j LEFT JOIN journal_entries e USING (journal_id)
     WHERE j.journal_id > :through
     GROUP BY j.journal_id HAVING count(e.account) < 2 OR sum(e.amount_fen) <> 0""",
    group=Group.JOURNALS,
)
M6_ONCE = sql(
    "M6.once",
    Kind.ALWAYS,
    "one journal for each source and kind",
    "payment",
    """SELECT j.source_type, j.source_id, j.kind, '1 journal' AS expected,
        format('%s journals', count(DISTINCT k.journal_id)) AS found
      FROM journals j JOIN journals k USING (source_type, source_id, kind)
     WHERE j.journal_id > :through GROUP BY 1, 2, 3 HAVING count(DISTINCT k.journal_id) > 1""",
    group=Group.JOURNALS,
)
M6_ROWS = sql(
    "M6.rows",
    Kind.ALWAYS,
    "whatever was received, promised and paid out stands in the ledger with its amount",
    "payment",
    f"""SELECT w.order_id, w.source_type, w.source_id, array_to_string(w.kinds, ' or ') AS kind,
        format('a journal of %s fen', w.fen) AS expected,
        coalesce(format('%s fen', j.fen), 'none') AS found
      FROM (
        SELECT p.order_id, 'attempt' AS source_type, a.out_trade_no AS source_id,
               ARRAY['received'] AS kinds, coalesce(a.paid_fen, p.amount_fen) AS fen
          FROM payments p JOIN attempts a USING (payment_id) WHERE a.status = 'succeeded'
        UNION ALL SELECT order_id, 'refund', refund_id::text, ARRAY['promised'], refund_fen
          FROM refunds WHERE status <> 'refused'
        UNION ALL SELECT order_id, 'refund', refund_id::text, ARRAY['paid_out', 'settled_outside'], refund_fen
          FROM refunds WHERE status = 'succeeded') w
      LEFT JOIN LATERAL (
        SELECT max(amount_fen) AS fen FROM journals j JOIN journal_entries USING (journal_id)
         WHERE j.source_type = w.source_type AND j.source_id = w.source_id AND j.kind = ANY(w.kinds)) j ON true
     WHERE {in_scope("w.order_id")} AND j.fen IS DISTINCT FROM w.fen""",
    group=Group.ORDERS,
)


_SEALS = f"""
    SELECT s.seal_number, s.previous_hash, s.hash, s.journal_count, j.journals
      FROM ledger_seals s LEFT JOIN LATERAL (
        SELECT array_agg({JOURNAL} ORDER BY j.journal_id) AS journals FROM journals j
         WHERE j.seal_number = s.seal_number) j ON true
     WHERE s.seal_number > :number ORDER BY s.seal_number"""
_SEALS_AT_ONCE = 10
"""A seal is read with all its journals, up to 5,000."""
_LEFT_OPEN = """
    SELECT j.journal_id FROM journals j WHERE j.seal_number IS NULL
       AND EXISTS (SELECT FROM ledger_seals s WHERE s.sealed_at > j.posted_at + interval '10 minutes')
    UNION ALL
    SELECT j.journal_id FROM journals j LEFT JOIN ledger_seals s USING (seal_number)
     WHERE j.seal_number > :number AND s.seal_number IS NULL"""


async def _chain(books: Books) -> AsyncIterator[Finding]:
    verified, previous = books.position.carried.get("seal", (0, NO_SEAL))
    number = verified
    async for row in books.rows("payment", _SEALS, at_once=_SEALS_AT_ONCE, number=verified):
        number += 1
        expected = seal_hash(previous, list(row["journals"] or ()))
        if (row["seal_number"], row["previous_hash"], row["hash"]) != (number, previous, expected):
            found = f"{len(row['journals'] or ())} journals, hash {row['hash'][:12]}"
            yield finding(
                "M6.chain",
                f"seal {number} of {row['journal_count']} journals, hash {expected[:12]}",
                found,
                seal_number=row["seal_number"],
            )
            return
        previous = row["hash"]
    async for row in books.rows("payment", _LEFT_OPEN, number=verified):
        yield finding("M6.chain", "sealed", "in no seal", journal_id=row["journal_id"])
    books.learned.setdefault("carried", {})["seal"] = (number, previous)


M6_CHAIN = Clause(
    "M6.chain",
    Kind.ALWAYS,
    "the seals of the cash books are an unbroken chain of hashes",
    ("payment",),
    _chain,
    Group.SEALS,
)

_UNASKED = """
    SELECT p.order_id, a.out_trade_no, coalesce('last asked ' || a.queried_at, 'never asked') AS found
      FROM payments p JOIN attempts a USING (payment_id)
     WHERE p.status = 'paying' AND p.disputed_at IS NULL AND a.status IN ('initiated', 'prepaid')
       AND a.initiated_at < :now::timestamptz - interval '15 minutes'
       AND coalesce(a.queried_at, a.initiated_at) < :now::timestamptz - interval '5 minutes'"""


async def _unasked(books: Books) -> AsyncIterator[Finding]:
    require_running(books)
    async for row in books.rows("payment", _UNASKED):
        yield finding(
            "M8",
            "asked within 5 minutes",
            row["found"],
            order_id=row["order_id"],
            out_trade_no=row["out_trade_no"],
        )


M8 = Clause(
    "M8",
    Kind.REST,
    "nobody pays for more than 15 minutes without our asking WeChat Pay every 5 (disputed ones wait for a person)",
    ("payment",),
    _unasked,
)

_STEPS = lines(f"{before}>{after}" for before, following in NEXT.items() for after in following)
M10 = sql(
    "M10",
    Kind.REST,
    "an order's history is a legal path, its versions without gaps, its times never going back",
    "order",
    f"""SELECT order_id, version, format('version %s, a legal step from %s, not before %s',
          coalesce(version_before, 0) + 1, coalesce(status_before, 'nothing'), coalesce(at_before, at)) AS expected,
        format('version %s, %s, at %s', version, status, at) AS found
      FROM (SELECT order_id, version, status, at, lag(version) OVER w AS version_before,
              lag(status) OVER w AS status_before, lag(at) OVER w AS at_before
              FROM order_history WHERE {in_scope("order_id")}
            WINDOW w AS (PARTITION BY order_id ORDER BY version)) h
     WHERE version <> coalesce(version_before, 0) + 1 OR at < at_before
        OR CASE WHEN status_before IS NULL THEN status <> 'creating'
             ELSE status_before || '>' || status NOT IN ({_STEPS}) END""",
    f"""SELECT o.id AS order_id, format('history ends with %s, version %s', o.status, o.version) AS expected,
        coalesce(format('%s, version %s', h.status, h.version), 'none') AS found
      FROM orders o LEFT JOIN LATERAL (
        SELECT status, version FROM order_history WHERE order_id = o.id ORDER BY version DESC LIMIT 1) h ON true
     WHERE {in_scope("o.id")} AND (h.status IS DISTINCT FROM o.status OR h.version IS DISTINCT FROM o.version)""",
    group=Group.ORDERS,
)

CLAUSES = (M1, M2, M3, M4, M5, M6_BALANCE, M6_ONCE, M6_ROWS, GRANTS, M6_CHAIN, M6_CARRIED, M7, M8, M9, M10)
