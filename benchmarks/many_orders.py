"""Finished orders straight into the databases, by the hundred thousand.

Every order has two lines, was paid, shipped and received, and earned points; everybody who listens has reacted. The books
agree to the fen, so that any clause of the audit that finds something here is wrong.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson

from deploy.layout import PACKAGES
from deploy.local.postgres_roles import DatabaseUrls
from deploy.reactions import all_reactions
from services.order.pricing import ENGINE_VERSION, FreightRule, Line, PriceRequest, dump, price

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
CREATE FUNCTION order_ms(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT {first_ms} + n * {step_ms} $$;
CREATE FUNCTION made_at(n bigint, seconds integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT to_timestamp(order_ms(n) / 1000.0 + seconds) $$;
CREATE FUNCTION order_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT made_id(order_ms(n), 1, n) $$;
CREATE FUNCTION member_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT made_id({first_ms} - 1000000, 2, n / {orders_a_member}) $$;
CREATE TABLE made_baskets (basket integer PRIMARY KEY, sku_ids uuid[], price_request jsonb, quote jsonb,
  goods_fen bigint, payable_fen bigint, line_fen bigint[], lines text)
"""

_N = "generate_series($1::bigint, $2::bigint) AS n JOIN made_baskets b ON b.basket = n % {baskets}"

ROWS: Mapping[str, tuple[str, ...]] = {
    "order": (
        """INSERT INTO orders (id, order_number, member_id, status, version, goods_fen, discount_fen, coupon_discount_fen,
             points_used, points_discount_fen, freight_fen, freight_discount_fen, payable_fen, price_request, quote,
             address_id, address_sealed, from_cart, idempotency_key, request_hash, placed_at, expires_at, paid_at,
             shipped_at, completed_at)
           SELECT order_id(n), 'N' || lpad(n::text, 19, '0'), member_id(n), 'completed', 5, goods_fen, 0, 0, 0, 0, 0, 0,
             payable_fen, price_request, quote, order_id(n), 'v1.1.' || repeat('x', 200), false, 'key-' || n, 'hash',
             made_at(n, 0), made_at(n, 900), made_at(n, 10), made_at(n, 20), made_at(n, 30) FROM {N}""",
        """INSERT INTO order_lines (id, order_id, sku_id, sku_code, product_id, product_name, options, category_ids,
             unit_price_fen, quantity, payable_fen, points_used, shipped_quantity)
           SELECT made_id(order_ms(n), 10 + l, n), order_id(n), sku_ids[l], 'SKU', sku_ids[l], '商品', '{{}}',
             ARRAY[sku_ids[l]], line_fen[l], 1, line_fen[l], 0, 1 FROM {N} CROSS JOIN generate_series(1, 2) l""",
        """INSERT INTO order_history (order_id, version, status, actor_kind, at)
           SELECT order_id(n), v, (ARRAY['creating', 'pending_pay', 'paid', 'shipped', 'completed'])[v], 'system',
             made_at(n, (ARRAY[0, 1, 10, 20, 30])[v]) FROM {N} CROSS JOIN generate_series(1, 5) v""",
    ),
    "payment": (
        """INSERT INTO payments (payment_id, order_id, order_number, member_id, payer_openid, description, amount_fen,
             status, method, transaction_id, paid_fen, opened_at, expires_at, paid_at)
           SELECT made_id(order_ms(n) + 1000, 3, n), order_id(n), 'N' || lpad(n::text, 19, '0'), member_id(n), 'openid',
             '商品', payable_fen, 'succeeded', 'wechat_pay', 'T' || n, payable_fen, made_at(n, 2), made_at(n, 900),
             made_at(n, 9) FROM {N}""",
        """INSERT INTO attempts (out_trade_no, payment_id, number, status, initiated_at, transaction_id, paid_at, paid_fen)
           SELECT 'N' || lpad(n::text, 19, '0'), made_id(order_ms(n) + 1000, 3, n), 1, 'succeeded', made_at(n, 2), 'T' || n,
             made_at(n, 9), payable_fen FROM {N}""",
        """INSERT INTO journals (journal_id, source_type, source_id, kind, payment_id, posted_at)
           SELECT made_id(order_ms(n) + 9000, 4, n), 'attempt', 'N' || lpad(n::text, 19, '0'), 'received',
             made_id(order_ms(n) + 1000, 3, n), made_at(n, 9) FROM {N}""",
        """INSERT INTO journal_entries (journal_id, account, amount_fen)
           SELECT made_id(order_ms(n) + 9000, 4, n), account, payable_fen * sign FROM {N}
             CROSS JOIN (VALUES ('provider_receivable', 1), ('order_receipts', -1)) e (account, sign)""",
    ),
    "catalog": (
        """INSERT INTO reservations (order_id, member_id, state, held_at, ended_at)
           SELECT order_id(n), member_id(n), 'committed', made_at(n, 0), made_at(n, 10) FROM {N}""",
        """INSERT INTO reservation_lines (order_id, sku_id, quantity)
           SELECT order_id(n), sku_ids[l], 1 FROM {N} CROSS JOIN generate_series(1, 2) l""",
        """INSERT INTO stock_movements (sku_id, kind, on_hand, reserved, sold, source_type, source_id, moved_at)
           SELECT sku_ids[l], kind, on_hand, reserved, sold, 'order', order_id(n), made_at(n, 10)
             FROM {N} CROSS JOIN generate_series(1, 2) l
             CROSS JOIN (VALUES ('hold', 0, 1, 0), ('commit', -1, -1, 1)) m (kind, on_hand, reserved, sold)""",
    ),
    "member": (
        """INSERT INTO order_rewards (order_id, member_id, goods_fen, earn_points_per_yuan, growth_per_yuan, points_spent,
             settled_at)
           SELECT order_id(n), member_id(n), payable_fen, 1, 1, 0, made_at(n, 11) FROM {N}""",
        """INSERT INTO points_transfers (id, member_id, kind, from_account, to_account, points, source_type, source_id,
             reason, at)
           SELECT made_id(order_ms(n) + 11000, 5, n), member_id(n), 'earn', 'shop', 'spendable', payable_fen / 100, 'order',
             order_id(n)::text, 'order', made_at(n, 11) FROM {N}""",
        """INSERT INTO points_lots (id, member_id, points, remaining, expires_at)
           SELECT made_id(order_ms(n) + 11000, 5, n), member_id(n), payable_fen / 100, payable_fen / 100,
             made_at(n, 86400 * 365) FROM {N}""",
        """INSERT INTO growth_entries (id, member_id, growth, kind, source_type, source_id, at)
           SELECT made_id(order_ms(n) + 11000, 6, n), member_id(n), payable_fen / 100, 'earn', 'order', order_id(n)::text,
             made_at(n, 11) FROM {N}""",
    ),
}
"""What each order adds to each database."""

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
            for statement in BEFORE.get(name, ()):
                await self._execute(connection, statement, start, end - 1)
            for first in range(start, end, BATCH):
                last = min(first + BATCH, end) - 1
                for statement in (*ROWS.get(name, ()), *_events(name)):
                    await connection.execute(statement.format(N=_N.format(baskets=COMBINATIONS)), first, last)
            for statement in AFTER.get(name, ()):
                await self._execute(connection, statement, start, end - 1)
            await connection.execute("ANALYZE")

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


def _events(name: str) -> list[str]:
    """What a service announced of each order, and what it reacted to."""
    statements = []
    for number, type_ in enumerate(EVENTS, start=1):
        event_id = f"made_id(order_ms(n) + {9_000 + number * 3_000}, {100 + number}, n)"
        if ANNOUNCED_BY.get(type_, "order") == name:
            subject = {"payment": "made_id(order_ms(n) + 1000, 3, n)", "member": "member_id(n)"}.get(
                name, "order_id(n)"
            )
            statements.append(
                f"INSERT INTO outbox (event_id, type, subject, envelope, sent_at) SELECT {event_id}, '{type_}', {subject},"
                f' format(\'{{{{"specversion": "1.0", "id": "%s", "source": "jishi/{name}", "type": "{type_}",'
                ' "data": {{"order_id": "%s", "member_id": "%s", "entry_id": "%s", "lines": %s}}}}\','
                f" {event_id}, order_id(n), member_id(n), made_id(order_ms(n) + 11000, 5, n), lines), now() FROM {{N}}"
            )
        statements += [
            f"INSERT INTO inbox (reaction, event_id) SELECT '{reaction}', {event_id} FROM {{N}}"
            for reaction in sorted(
                each.name for each in all_reactions() if type_ in {kind.type for kind in each.types}
            )
            if reaction.startswith(f"{name}.")
        ]
    return statements


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
