"""Finished orders straight into the databases, by the hundred thousand.

Every order has two lines, was paid, shipped and received, and earned points; everybody who listens has reacted. The books
agree to the fen, so that any clause of the audit that finds something here is wrong.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import DatabaseUrls
from deploy.reactions import all_reactions
from services.order.pricing import ENGINE_VERSION, FreightRule, Line, PriceRequest, dump, price
from services.payment.ledger.seals import JOURNAL, NO_SEAL, seal_hash

Do = Callable[[str, "asyncpg.Connection[asyncpg.Record]"], Coroutine[None, None, None]]

COMBINATIONS = 100
ORDERS_A_MEMBER = 10
BATCH = 50_000
STEP_MS = 2_000
"""An order every two seconds: a million in 23 days."""
LONG_AGO_MS = 60_000
STOCK = 100_000_000
EVENTS = (
    "payment.succeeded.v1",
    "order.placed.v1",
    "order.paid.v1",
    "points.earned.v1",
    "order.shipped.v1",
    "order.completed.v1",
)
ANNOUNCED_BY = {"payment.succeeded.v1": "payment", "points.earned.v1": "member"}

FUNCTIONS = """
CREATE FUNCTION made_id(at_ms bigint, what integer, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(at_ms), 12, '0') || '7' || lpad(to_hex(what), 3, '0') || '8000' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION member_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT made_id({first_ms} - 1000000, 2, n / {orders_a_member}) $$;
CREATE TABLE made_baskets (basket integer PRIMARY KEY, sku_ids uuid[], price_request jsonb, quote jsonb,
  goods_fen bigint, payable_fen bigint, line_fen bigint[], lines text);
CREATE UNLOGGED TABLE made_orders (n bigint, order_number text, order_id uuid, member_id uuid, payment_id uuid,
  journal_id uuid, entry_id uuid, growth_id uuid, event_ids uuid[], placed_at timestamptz, basket integer)
"""
BATCH_OF = """INSERT INTO made_orders
  SELECT n, 'N' || lpad(n::text, 19, '0'), {order_id}, member_id(n), {payment_id}, {journal_id}, {entry_id}, {growth_id},
    ARRAY[{event_ids}]::uuid[], to_timestamp(ms / 1000.0), n % {baskets}
    FROM (SELECT n, {first_ms} + n * {step_ms} AS ms, '8000' || lpad(to_hex(n), 12, '0') AS last
            FROM generate_series($1::bigint, $2::bigint) n) s"""
"""What all of a batch's rows are made of is worked out once."""


def _made_id(later_ms: int, what: int) -> str:
    """The SQL of an id: so much later than its order is placed, and of which kind; `made_id`, in less time."""
    return f"('0' || to_hex(ms + {later_ms}) || '7{what:03x}' || last)::uuid"


IDS = {
    "order_id": _made_id(0, 1),
    "payment_id": _made_id(1_000, 3),
    "journal_id": _made_id(9_000, 4),
    "entry_id": _made_id(11_000, 5),
    "growth_id": _made_id(11_000, 6),
}

_N = "made_orders JOIN made_baskets USING (basket)"

ROWS: Mapping[str, tuple[str, ...]] = {
    "order": (
        f"""INSERT INTO orders (id, order_number, member_id, status, version, goods_fen, discount_fen, coupon_discount_fen,
             points_used, points_discount_fen, freight_fen, freight_discount_fen, payable_fen, price_request, quote,
             address_id, address_sealed, from_cart, idempotency_key, request_hash, placed_at, expires_at, paid_at,
             shipped_at, completed_at)
           SELECT order_id, order_number, member_id, 'completed', 5, goods_fen, 0, 0, 0, 0, 0, 0, payable_fen,
             price_request, quote, order_id, 'v1.1.' || repeat('x', 200), false, 'key-' || n, 'hash', placed_at,
             placed_at + interval '900 s', placed_at + interval '10 s', placed_at + interval '20 s',
             placed_at + interval '30 s' FROM {_N}""",
        f"""INSERT INTO order_lines (id, order_id, sku_id, sku_code, product_id, product_name, options, category_ids,
             unit_price_fen, quantity, payable_fen, points_used, shipped_quantity)
           SELECT overlay(order_id::text placing '01' || l from 16 for 3)::uuid, order_id, sku_ids[l], 'SKU', sku_ids[l],
             '商品', '{{}}', sku_ids[l:l], line_fen[l], 1, line_fen[l], 0, 1 FROM {_N} CROSS JOIN generate_series(1, 2) l""",
        """INSERT INTO order_history (order_id, version, status, actor_kind, at)
           SELECT order_id, v, state, 'system', placed_at + later FROM made_orders
             CROSS JOIN (VALUES (1, 'creating', interval '0 s'), (2, 'pending_pay', '1 s'), (3, 'paid', '10 s'),
               (4, 'shipped', '20 s'), (5, 'completed', '30 s')) h (v, state, later)""",
    ),
    "payment": (
        f"""INSERT INTO payments (payment_id, order_id, order_number, member_id, payer_openid, description, amount_fen,
             status, method, transaction_id, paid_fen, opened_at, expires_at, paid_at)
           SELECT payment_id, order_id, order_number, member_id, 'openid', '商品', payable_fen, 'succeeded', 'wechat_pay',
             'T' || n, payable_fen, placed_at + interval '2 s', placed_at + interval '900 s', placed_at + interval '9 s'
             FROM {_N}""",
        f"""INSERT INTO attempts (out_trade_no, payment_id, number, status, initiated_at, transaction_id, paid_at, paid_fen)
           SELECT order_number, payment_id, 1, 'succeeded', placed_at + interval '2 s', 'T' || n,
             placed_at + interval '9 s', payable_fen FROM {_N}""",
        """INSERT INTO journals (journal_id, source_type, source_id, kind, payment_id, posted_at, seal_number)
           SELECT journal_id, 'attempt', order_number, 'received', payment_id, placed_at + interval '9 s',
             1 + coalesce((SELECT max(seal_number) FROM ledger_seals), 0) FROM made_orders""",
        f"""INSERT INTO journal_entries (journal_id, account, amount_fen)
           SELECT journal_id, account, payable_fen * sign FROM {_N}
             CROSS JOIN (VALUES ('provider_receivable', 1), ('order_receipts', -1)) e (account, sign)""",
    ),
    "catalog": (
        """INSERT INTO reservations (order_id, member_id, state, held_at, ended_at)
           SELECT order_id, member_id, 'committed', placed_at, placed_at + interval '10 s' FROM made_orders""",
        f"""INSERT INTO reservation_lines (order_id, sku_id, quantity)
           SELECT order_id, sku_ids[l], 1 FROM {_N} CROSS JOIN generate_series(1, 2) l""",
        f"""INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)
           SELECT sku_ids[l], kind, on_hand, reserved, sold, 'order', order_id, placed_at + interval '10 s'
             FROM {_N} CROSS JOIN generate_series(1, 2) l
             CROSS JOIN (VALUES ('hold', 0, 1, 0), ('commit', -1, -1, 1)) m (kind, on_hand, reserved, sold)""",
    ),
    "member": (
        f"""INSERT INTO order_rewards (order_id, member_id, goods_fen, earn_points_per_yuan, growth_per_yuan, points_spent,
             settled_at)
           SELECT order_id, member_id, payable_fen, 1, 1, 0, placed_at + interval '11 s' FROM {_N}""",
        f"""INSERT INTO points_transfers (id, member_id, kind, from_account, to_account, points, source_type, source_id,
             reason, at)
           SELECT entry_id, member_id, 'earn', 'shop', 'spendable', payable_fen / 100, 'order', order_id::text, 'order',
             placed_at + interval '11 s' FROM {_N}""",
        f"""INSERT INTO points_lots (id, member_id, points, remaining, expires_at)
           SELECT entry_id, member_id, payable_fen / 100, payable_fen / 100, placed_at + interval '365 days' FROM {_N}""",
        f"""INSERT INTO growth_entries (id, member_id, growth, kind, source_type, source_id, at)
           SELECT growth_id, member_id, payable_fen / 100, 'earn', 'order', order_id::text,
             placed_at + interval '11 s' FROM {_N}""",
    ),
}
"""What each order of a batch adds to each database."""

ONCE: Mapping[str, tuple[str, ...]] = {
    "catalog": (
        "INSERT INTO categories (id, path, name, updated_at) SELECT sku_ids[1], sku_ids[1:1], '分类' || basket, now()"
        " FROM made_baskets",
        "INSERT INTO products (id, product_code, name, category_id, status, created_at, updated_at) SELECT sku_ids[l],"
        " 'P' || basket || '-' || l, '商品', sku_ids[1], 'draft', now(), now() FROM made_baskets, generate_series(1, 2) l",
        "INSERT INTO skus (id, product_id, sku_code, price_fen, updated_at) SELECT sku_ids[l], sku_ids[l], 'S' || basket ||"
        " '-' || l, 100, now() FROM made_baskets, generate_series(1, 2) l",
        "INSERT INTO stock_levels (sku_id, on_hand) SELECT unnest(sku_ids), {stock} FROM made_baskets",
        "INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)"
        " SELECT id, 'receive', {stock}, 0, 0, 'sku', id, now() FROM (SELECT unnest(sku_ids) AS id FROM made_baskets) s",
    ),
}
"""What is there before the first order."""

_NEW_MEMBERS = "SELECT member_id(n) AS id FROM generate_series($1::bigint, $2::bigint, {orders_a_member}) n"

BEFORE: Mapping[str, tuple[str, ...]] = {
    "payment": (
        "ALTER TABLE journals DISABLE TRIGGER USER",
        "ALTER TABLE journal_entries DISABLE TRIGGER USER",
    ),
    "member": (
        f"INSERT INTO members (id, registered_at) SELECT id, now() FROM ({_NEW_MEMBERS}) m",
        f"INSERT INTO wechat_identities SELECT 'wx', 'o' || id, id, 'v1.1.x', now(), now() FROM ({_NEW_MEMBERS}) m",
        f"INSERT INTO points_accounts (member_id) {_NEW_MEMBERS}",
        f"INSERT INTO growth_accounts (member_id, growth) SELECT id, 0 FROM ({_NEW_MEMBERS}) m",
    ),
    "campaign": (f"INSERT INTO buyers SELECT id, now() FROM ({_NEW_MEMBERS}) m",),
}
AFTER: Mapping[str, tuple[str, ...]] = {
    "payment": (
        "ALTER TABLE journals ENABLE TRIGGER USER",
        "ALTER TABLE journal_entries ENABLE TRIGGER USER",
    ),
    "catalog": (
        "UPDATE stock_levels l SET on_hand = {stock} - sold_now, sold = sold_now FROM (SELECT sku_id, count(*) AS sold_now"
        " FROM reservation_lines WHERE sku_id IN (SELECT unnest(sku_ids) FROM made_baskets) GROUP BY 1) r"
        " WHERE r.sku_id = l.sku_id",
    ),
    "member": (
        "UPDATE points_accounts a SET spendable = p FROM (SELECT member_id, sum(points) AS p FROM points_transfers"
        f" WHERE member_id IN ({_NEW_MEMBERS}) GROUP BY 1) t WHERE t.member_id = a.member_id",
        "UPDATE growth_accounts a SET growth = g FROM (SELECT member_id, sum(growth) AS g FROM growth_entries"
        f" WHERE member_id IN ({_NEW_MEMBERS}) GROUP BY 1) t WHERE t.member_id = a.member_id",
    ),
}


@dataclass(frozen=True, slots=True)
class ManyOrders:
    """Orders from number 0 on in migrated databases; at most so many as were said at the beginning."""

    urls: Mapping[str, DatabaseUrls]
    numbers: Mapping[str, int]
    """What the statements have in common."""

    @classmethod
    async def prepare(cls, urls: Mapping[str, DatabaseUrls], *, most: int) -> "ManyOrders":
        """Make goods, and the functions that the orders are made with; once for a set of databases."""
        numbers = {
            "first_ms": int(time.time() * 1000) - LONG_AGO_MS - most * STEP_MS,
            "step_ms": STEP_MS,
            "orders_a_member": ORDERS_A_MEMBER,
            "stock": STOCK,
            "baskets": COMBINATIONS,
        }
        made, baskets = cls(urls, numbers), _baskets()

        async def begin(name: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
            await connection.execute(FUNCTIONS.format(**numbers))
            await connection.executemany(
                "INSERT INTO made_baskets VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", baskets
            )
            for statement in ONCE.get(name, ()):
                await connection.execute(statement.format(**numbers))

        await made._everywhere(begin)
        return made

    async def add(self, start: int, end: int) -> None:
        """The orders from one number to before another; both are multiples of a member's orders."""

        async def fill(name: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
            if name == "payment":
                await _until_sealed(connection)
            for statement in BEFORE.get(name, ()):
                await self._execute(connection, statement, start, end - 1)
            statements = (*ROWS.get(name, ()), *_events(name))
            batch = BATCH_OF.format(event_ids=_event_ids(statements), **IDS, **self.numbers)
            for first in range(start, end, BATCH):
                await connection.execute("TRUNCATE made_orders")
                await connection.execute(batch, first, min(first + BATCH, end) - 1)
                for statement in statements:
                    await connection.execute(statement)
                if name == "payment":
                    await _seal(connection)
            await connection.execute("TRUNCATE made_orders")
            for statement in AFTER.get(name, ()):
                await self._execute(connection, statement, start, end - 1)

        await self._everywhere(fill)

    async def _execute(
        self, connection: "asyncpg.Connection[asyncpg.Record]", statement: str, start: int, last: int
    ) -> None:
        values = [start, last] if "$1" in statement or "{orders_a_member}" in statement else []
        await connection.execute(statement.format(**self.numbers), *values)

    async def _everywhere(self, do: Do) -> None:
        connections = {
            name: await asyncpg.connect(each.owner.replace("+asyncpg", ""))
            for name, each in self.urls.items()
            if name in PACKAGES
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, connection in connections.items():
                    tasks.create_task(do(name, connection))
        finally:
            for connection in connections.values():
                await connection.close()


async def _until_sealed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Wait until the payment worker, if there is one, has no journal left that it could seal meanwhile."""
    while await connection.fetchval("SELECT EXISTS (SELECT FROM journals WHERE seal_number IS NULL)"):
        await asyncio.sleep(0.2)


async def _seal(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Seal the journals of a batch, or the payment worker would be at it for long after."""
    number = 1 + await connection.fetchval("SELECT coalesce(max(seal_number), 0) FROM ledger_seals")
    last = "SELECT hash FROM ledger_seals ORDER BY seal_number DESC LIMIT 1"
    previous = await connection.fetchval(last) or NO_SEAL
    journals = await connection.fetch(
        f"SELECT {JOURNAL} FROM journals j WHERE seal_number = $1 ORDER BY journal_id", number
    )
    digest = seal_hash(previous, [row[0] for row in journals])
    await connection.execute(
        "INSERT INTO ledger_seals VALUES ($1, $2, $3, $4, now())", number, len(journals), previous, digest
    )


def _events(name: str) -> list[str]:
    """What a service announced of each order, and what it reacted to."""
    statements = []
    for number, type_ in enumerate(EVENTS, start=1):
        if ANNOUNCED_BY.get(type_, "order") == name:
            subject = {"payment": "payment_id", "member": "member_id"}.get(name, "order_id")
            statements.append(
                f"INSERT INTO outbox (event_id, type, subject, envelope, sent_at) SELECT event_ids[{number}], '{type_}',"
                f' {subject}, \'{{"specversion": "1.0", "id": "\' || event_ids[{number}] || \'", "source": "jishi/{name}",'
                f' "type": "{type_}", "data": {{"order_id": "\' || order_id || \'", "member_id": "\' || member_id ||'
                f' \'", "entry_id": "\' || entry_id || \'", "lines": \' || lines || \'}}}}\', now() FROM {_N}'
            )
        reactions = sorted(
            each.name for each in all_reactions() if type_ in {kind.type for kind in each.types}
        )
        statements += [
            f"INSERT INTO inbox (reaction, event_id) SELECT '{reaction}', event_ids[{number}] FROM made_orders"
            for reaction in reactions
            if reaction.startswith(f"{name}.")
        ]
    return statements


def _event_ids(statements: Sequence[str]) -> str:
    """The ids of an order's events, as far as these statements want them."""
    return ", ".join(
        _made_id(9_000 + number * 3_000, 100 + number)
        if any(f"event_ids[{number}]" in each for each in statements)
        else "NULL"
        for number in range(1, len(EVENTS) + 1)
    )


def _baskets() -> list[tuple[object, ...]]:
    """Baskets of two goods, priced by the engine."""
    baskets: list[tuple[object, ...]] = []
    for number in range(COMBINATIONS):
        ids = [UUID(int=(0x0190 << 112) + (number << 8) + line) for line in (1, 2)]
        lines = tuple(
            Line(str(id_), id_, id_, (id_,), 1_000 + number * 37 + at * 10, 1) for at, id_ in enumerate(ids)
        )
        request = PriceRequest(engine_version=ENGINE_VERSION, lines=lines, freight=FreightRule(0, None))
        quote = price(request)
        told = [
            {"sku_id": str(line.sku_id), "quantity": 1, "payable_fen": line.unit_price_fen} for line in lines
        ]
        baskets.append(
            (
                number,
                ids,
                orjson.dumps(dump(request)).decode(),
                orjson.dumps(dump(quote)).decode(),
                quote.goods_fen,
                quote.payable_fen,
                [line.unit_price_fen for line in lines],
                orjson.dumps(told).decode(),
            )
        )
    return baskets
