"""What must be true once everything is at rest (reliability.md section 3); findings begin with the invariant's name."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson

from services.order.orders.domain import EVER_PAID, NEXT, OrderStatus
from tests.simulation.goods import POINTS, STOCK
from tests.simulation.shop import SERVICES, Running, Shop
from tests.simulation.shoppers import Acknowledged
from tests.simulation.wechat import WeChatPay

Row = Any


@dataclass(frozen=True, slots=True)
class Books:
    """All that the databases, the broker and WeChat Pay say at the end."""

    orders: dict[UUID, Row]
    lines: dict[UUID, list[Row]]
    refunds: dict[UUID, list[Row]]
    history: dict[UUID, list[str]]
    payments: dict[UUID, Row]
    attempts: list[Row]
    payouts: list[Row]
    accounts: dict[str, int]
    announced: dict[str, list[tuple[UUID, str, dict[str, Any]]]]
    wechat: WeChatPay

    def of_type(self, service: str, type_: str) -> Counter[str]:
        """How often something was announced, by what it is about: the order, or the refund."""
        return Counter(
            str(data.get("refund_id") or data.get("order_id"))
            for _, announced, data in self.announced[service]
            if announced == type_
        )

    @property
    def paid(self) -> dict[UUID, Row]:
        return {id_: order for id_, order in self.orders.items() if order["status"] in EVER_PAID}


async def violations(running: Running, told: Acknowledged) -> list[str]:
    """Everything that is wrong."""
    shop = running.shop
    books = await _read(shop)
    found = [*_orders(books), *_money(books), *_provider(books), *_answers(books, told)]
    found += [
        *await _sales(shop, books),
        *await _stock(shop, books),
        *await _coupons(shop, books),
        *await _points(shop, books),
    ]
    found += [*_announcements(books), *await _deliveries(running, books)]
    return found


async def _read(shop: Shop) -> Books:
    orders = await shop.rows("order", "SELECT * FROM orders ORDER BY id")
    lines, refunds, history = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in await shop.rows("order", "SELECT * FROM order_lines ORDER BY id"):
        lines[row["order_id"]].append(row)
    for row in await shop.rows(
        "order",
        "SELECT r.*, (SELECT sum(amount_fen) FROM refund_lines WHERE refund_id = r.id)::bigint AS lines_fen,"
        " (SELECT jsonb_object_agg(l.sku_id, x.quantity) FROM refund_lines x JOIN order_lines l"
        "  ON l.id = x.order_line_id WHERE x.refund_id = r.id)::text AS units FROM refunds r ORDER BY r.id",
    ):
        refunds[row["order_id"]].append(row)
    for row in await shop.rows("order", "SELECT * FROM order_history ORDER BY order_id, version"):
        history[row["order_id"]].append(row["status"])
    announced = {}
    for name in SERVICES:
        rows = await shop.rows(name, "SELECT event_id, type, envelope FROM outbox ORDER BY id")
        announced[name] = [
            (row["event_id"], row["type"], orjson.loads(row["envelope"])["data"]) for row in rows
        ]
    accounts = await shop.rows(
        "payment", "SELECT account, sum(amount_fen)::bigint AS fen FROM journal_entries GROUP BY account"
    )
    return Books(
        orders={row["id"]: row for row in orders},
        lines=lines,
        refunds=refunds,
        history=history,
        payments={row["order_id"]: row for row in await shop.rows("payment", "SELECT * FROM payments")},
        attempts=await shop.rows(
            "payment", "SELECT a.*, p.amount_fen FROM attempts a JOIN payments p USING (payment_id)"
        ),
        payouts=await shop.rows(
            "payment",
            "SELECT r.*, a.out_refund_no, a.status AS attempt_status FROM refunds r"
            " LEFT JOIN refund_attempts a USING (refund_id) ORDER BY a.out_refund_no",
        ),
        accounts={row["account"]: row["fen"] for row in accounts},
        announced=announced,
        wechat=shop.wechat,
    )


def _orders(books: Books) -> Iterator[str]:
    for id_, order in books.orders.items():
        status, lines, refunds = order["status"], books.lines[id_], books.refunds[id_]
        if status in ("creating", "pending_pay", "closing"):
            yield f"I2 order {id_} is still {status}"
        freight_fen = order["freight_fen"] - order["freight_discount_fen"]
        if sum(line["payable_fen"] for line in lines) + freight_fen != order["payable_fen"]:
            yield f"M5 order {id_}: lines and freight are not {order['payable_fen']} fen"
        if sum(line["unit_price_fen"] * line["quantity"] for line in lines) != order["goods_fen"]:
            yield f"M5 order {id_}: goods are not {order['goods_fen']} fen"
        if (
            sum(refund["refund_fen"] for refund in refunds) != order["refunded_fen"]
            or order["refunded_fen"] > order["payable_fen"]
        ):
            yield f"P8 order {id_}: refunds are not the {order['refunded_fen']} fen counted"
        if sum(line["refunded_fen"] for line in lines) != sum(refund["lines_fen"] for refund in refunds):
            yield f"M5 order {id_}: the lines count another refund than was made"
        if stuck := [refund["refund_number"] for refund in refunds if refund["status"] != "succeeded"]:
            yield f"I2 refunds {stuck} did not arrive"
        path = books.history[id_]
        if path[-1] != status or any(
            OrderStatus(after) not in NEXT[OrderStatus(before)] for before, after in pairwise(path)
        ):
            yield f"M10 order {id_} went {path} and is {status}"


def _money(books: Books) -> Iterator[str]:
    for id_, order in books.paid.items():
        payment = books.payments.get(id_)
        if payment is None or (payment["status"], payment["paid_fen"]) != ("succeeded", order["payable_fen"]):
            yield f"M3 order {id_} is paid, its payment is {payment and payment['status']}"
    for id_, payment in books.payments.items():
        is_paid = id_ in books.paid
        if payment["status"] == "paying":
            yield f"M8 payment of {id_} is still paying"
        if payment["status"] == "succeeded" and not is_paid:
            yield f"M3 payment of {id_} succeeded, the order is {books.orders.get(id_, {}).get('status')}"
    if open_ := [row["out_trade_no"] for row in books.attempts if row["status"] in ("initiated", "prepaid")]:
        yield f"M8 attempts {open_} are still open"
    paid_fen = sum(order["payable_fen"] for order in books.paid.values())
    refunded_fen = sum(order["refunded_fen"] for order in books.orders.values())
    surplus = [row for row in books.attempts if row["surplus_reason"] is not None]
    given_back = [row for row in books.payouts if row["kind"] == "surplus" and row["status"] == "succeeded"]
    came, went = ([row["out_trade_no"] for row in rows] for rows in (surplus, given_back))
    if Counter(came) != Counter(went):
        yield f"P5 surplus {came}, given back {went}"
    wanted = {
        "order_receipts": refunded_fen - paid_fen,
        "provider_receivable": paid_fen - refunded_fen,
        "refunds_payable": 0,
        "surplus_payable": 0,
    }
    said = {name: books.accounts.get(name, 0) for name in wanted}
    if said != wanted or sum(books.accounts.values()) != 0:
        yield f"M4 the cash books say {books.accounts}, orders say {wanted}"


def _provider(books: Books) -> Iterator[str]:
    """WeChat Pay's books and ours, row by row (M1, M2, M4, P3, P8)."""
    ours = {
        (row["out_trade_no"], row["transaction_id"], row["amount_fen"])
        for row in books.attempts
        if row["status"] == "succeeded"
    }
    theirs = {
        (trade.out_trade_no, trade.transaction_id, trade.total_fen)
        for trade in books.wechat.trades.values()
        if trade.paid_at is not None
    }
    if ours != theirs:
        yield f"M1 paid here and not there {sorted(ours - theirs)}, there and not here {sorted(theirs - ours)}"
    back_here = Counter(
        (row["out_refund_no"], row["refund_fen"])
        for row in books.payouts
        if row["attempt_status"] == "succeeded"
    )
    back_there = Counter(
        (refund.out_refund_no, refund.refund_fen) for refund in books.wechat.refunds.values()
    )
    if back_here != back_there:
        yield f"P8 refunded here {dict(back_here - back_there)}, there {dict(back_there - back_here)}"
    for trade in books.wechat.trades.values():
        if books.wechat.refunded_fen(trade) > (trade.total_fen if trade.paid_at else 0):
            yield f"P8 {trade.out_trade_no}: more went back than came"
    asked = Counter(
        refund["id"] for refunds in books.refunds.values() for refund in refunds if refund["refund_fen"]
    )
    done = Counter(
        row["refund_id"] for row in books.payouts if row["kind"] == "order" and row["status"] == "succeeded"
    )
    if asked != done:
        yield f"M2 refunds asked for {dict(asked - done)}, paid out {dict(done - asked)}"


def _answers(books: Books, told: Acknowledged) -> Iterator[str]:
    """P1, P2: what was acknowledged is so."""
    yield from (f"P2 {fault}" for fault in told.faults)
    for id_, (member_id, payable_fen) in told.placed.items():
        order = books.orders.get(id_)
        if order is None or (order["member_id"], order["payable_fen"]) != (member_id, payable_fen):
            yield f"P1 the placed order {id_} is lost"
    for id_ in told.cancelled:
        if books.orders[id_]["status"] != "closed":
            yield f"P1 order {id_} was told to be closed and is {books.orders[id_]['status']}"
    for refund_id, (order_id, refund_fen) in told.refunds.items():
        found = [row for row in books.refunds[order_id] if row["id"] == refund_id]
        if [row["refund_fen"] for row in found] != [refund_fen]:
            yield f"P1 the refund {refund_id} of {refund_fen} fen is lost"


async def _stock(shop: Shop, books: Books) -> list[str]:
    held = {row["order_id"]: row for row in await shop.rows("catalog", "SELECT * FROM reservations")}
    lines: defaultdict[UUID, dict[UUID, Any]] = defaultdict(dict)
    for row in await shop.rows("catalog", "SELECT * FROM reservation_lines"):
        lines[row["order_id"]][row["sku_id"]] = (row["quantity"], row["restocked"])
    return [*_reservations(books, held, lines), *await _levels(shop, books)]


def _reservations(books: Books, held: dict[UUID, Row], lines: dict[UUID, dict[UUID, Any]]) -> Iterator[str]:
    for id_, order in books.orders.items():
        state = held[id_]["state"] if id_ in held else None
        wanted = "committed" if id_ in books.paid else "released"
        if state != wanted:
            yield f"S3 order {id_} is {order['status']}, its stock {state}"
    for id_ in books.paid:
        back: Counter[UUID] = Counter()
        for refund in books.refunds[id_]:
            back.update(
                {UUID(sku_id): quantity for sku_id, quantity in orjson.loads(refund["units"]).items()}
            )
        wanted_lines = {line["sku_id"]: (line["quantity"], back[line["sku_id"]]) for line in books.lines[id_]}
        if wanted_lines != lines[id_]:
            yield f"S2 order {id_} took and gave back {wanted_lines}, stock says {lines[id_]}"


async def _levels(shop: Shop, books: Books) -> list[str]:
    found = []
    sold: Counter[UUID] = Counter()
    for id_ in books.paid:
        for line in books.lines[id_]:
            sold[line["sku_id"]] += line["quantity"] - line["refunded_quantity"]
    for row in await shop.rows(
        "catalog",
        "SELECT l.*, (SELECT (sum(m.on_hand), sum(m.reserved), sum(m.sold))::text FROM stock_movements m"
        " WHERE m.sku_id = l.sku_id) AS moved FROM stock_levels l",
    ):
        level = (row["on_hand"], row["reserved"], row["sold"])
        if level != (STOCK - sold[row["sku_id"]], 0, sold[row["sku_id"]]):
            found.append(
                f"S1 SKU {row['sku_id']} sold {sold[row['sku_id']]} of {STOCK}, its level says {level}"
            )
        if row["moved"] != f"({level[0]},{level[1]},{level[2]})":
            found.append(f"S1 SKU {row['sku_id']} is at {level}, its movements say {row['moved']}")
    return found


async def _sales(shop: Shop, books: Books) -> list[str]:
    """E2: the one effect that nothing but the inbox keeps from happening twice."""
    sold: Counter[UUID] = Counter()
    for id_ in books.paid:
        for line in books.lines[id_]:
            sold[line["product_id"]] += line["quantity"]
    return [
        f"E2 product {row['id']} sold {sold[row['id']]} and counts {row['sales']}"
        for row in await shop.rows("catalog", "SELECT id, sales FROM products")
        if row["sales"] != sold[row["id"]]
    ]


async def _coupons(shop: Shop, books: Books) -> list[str]:
    found = []
    locks = {row["order_id"]: row for row in await shop.rows("campaign", "SELECT * FROM coupon_locks")}
    used: Counter[UUID] = Counter()
    for id_, order in books.orders.items():
        if order["coupon_id"] is None:
            continue
        state = locks[id_]["state"] if id_ in locks else None
        wanted = "released"
        if id_ in books.paid:
            wanted = "restored" if order["refund_summary"] == "full" else "redeemed"
            used[order["coupon_id"]] += wanted == "redeemed"
        if state != wanted:
            found.append(f"C2 order {id_} is {order['status']}, its coupon {state} rather than {wanted}")
    for row in await shop.rows("campaign", "SELECT id, state FROM coupons"):
        if used[row["id"]] > 1 or row["state"] != ("used" if used[row["id"]] else "available"):
            found.append(f"C2 coupon {row['id']} is {row['state']} and used by {used[row['id']]} orders")
    return found


async def _points(shop: Shop, books: Books) -> list[str]:
    found = []
    holds = {row["order_id"]: row["state"] for row in await shop.rows("member", "SELECT * FROM points_holds")}
    balance: Counter[UUID] = Counter()
    growth: Counter[UUID] = Counter()
    for id_, order in books.orders.items():
        member_id, is_paid = order["member_id"], id_ in books.paid
        if order["points_used"] and holds.get(id_) != ("spent" if is_paid else "released"):
            found.append(f"L4 order {id_} is {order['status']}, its points {holds.get(id_)}")
        if not is_paid:
            continue
        goods_fen = sum(line["payable_fen"] - line["refunded_fen"] for line in books.lines[id_])
        back = sum(refund["points_returned"] for refund in books.refunds[id_])
        balance[member_id] += goods_fen // 100 - order["points_used"] + back
        growth[member_id] += goods_fen // 100
    accounts = await shop.rows(
        "member",
        "SELECT a.*, g.growth, (SELECT coalesce(sum(points), 0)::bigint FROM points_entries e"
        " WHERE e.member_id = a.member_id AND e.account = 'spendable') AS entered,"
        " (SELECT coalesce(sum(remaining), 0)::bigint FROM points_lots l WHERE l.member_id = a.member_id) AS in_lots"
        " FROM points_accounts a JOIN growth_accounts g USING (member_id)",
    )
    for row in accounts:
        has = row["spendable"] - row["owed"]
        due = POINTS + balance[row["member_id"]]
        if (row["held"], has) != (0, due):
            found.append(f"L3 member {row['member_id']} has {has} points and {row['held']} held, not {due}")
        if not row["spendable"] == row["entered"] == row["in_lots"]:
            found.append(
                f"L1 member {row['member_id']}: {row['spendable']}, entries {row['entered']}, lots {row['in_lots']}"
            )
        if row["growth"] != growth[row["member_id"]]:
            found.append(
                f"L3 member {row['member_id']} has {row['growth']} growth, not {growth[row['member_id']]}"
            )
    return found


def _announcements(books: Books) -> Iterator[str]:
    """E4: each fact was announced once, and nothing that is none."""
    refunded = {str(refund["id"]) for refunds in books.refunds.values() for refund in refunds}
    surplus = [row for row in books.attempts if row["surplus_reason"] is not None]
    with_points = {str(id_) for id_, order in books.paid.items() if order["points_used"]}
    with_coupon = {str(id_) for id_, order in books.paid.items() if order["coupon_id"] is not None}
    opened = {str(id_) for id_, path in books.history.items() if "pending_pay" in path}
    wanted = {
        ("order", "order.placed.v1"): opened,
        ("order", "order.paid.v1"): {str(id_) for id_ in books.paid},
        ("order", "order.closed.v1"): {str(id_) for id_ in books.orders.keys() - books.paid.keys()},
        ("order", "order.refunded.v1"): refunded,
        ("payment", "payment.succeeded.v1"): {str(id_) for id_ in books.paid},
        ("payment", "refund.succeeded.v1"): refunded - _worthless(books),
        ("member", "points.spent.v1"): with_points,
        ("campaign", "coupon.redeemed.v1"): with_coupon,
    }
    for (service, type_), ids in wanted.items():
        said = books.of_type(service, type_)
        if said != Counter(ids):
            yield f"E4 {type_}: missing {sorted(ids - said.keys())}, too many {dict(said - Counter(ids))}"
    if sum(books.of_type("payment", "surplus.refunded.v1").values()) != len(surplus):
        yield "E4 a surplus was not announced once"


def _worthless(books: Books) -> set[str]:
    """Refunds of nothing never reach the payment service."""
    return {
        str(refund["id"])
        for refunds in books.refunds.values()
        for refund in refunds
        if not refund["refund_fen"]
    }


async def _deliveries(running: Running, books: Books) -> list[str]:
    """E1, E3: everything announced was sent, and applied once by each who wants it."""
    shop, found = running.shop, []
    everything = {id_ for events in books.announced.values() for id_, _, _ in events}
    if lost := everything - running.broker.heard:
        found.append(f"E1 {len(lost)} events never reached the broker")
    applied: dict[str, set[UUID]] = defaultdict(set)
    for name in SERVICES:
        for row in await shop.rows(name, "SELECT reaction, event_id FROM inbox"):
            applied[row["reaction"]].add(row["event_id"])
        unfinished = await shop.rows(
            name,
            "SELECT 'unsent ' || type AS what FROM outbox WHERE sent_at IS NULL UNION ALL"
            " SELECT state || ' ' || reaction || ' ' || coalesce(reason, '') FROM stalled_events UNION ALL"
            " SELECT 'timer ' || kind || ' ' || key || ' ' || coalesce(last_error, '') FROM timers",
        )
        found += [f"E3 {name}: {row['what']}" for row in unfinished]
    for reaction, types in running.reactions.items():
        wanted = {id_ for events in books.announced.values() for id_, type_, _ in events if type_ in types}
        if wanted != applied[reaction]:
            found.append(f"E1 {reaction} lacks {len(wanted - applied[reaction])} events")
    found += [
        f"E3 queue {name} still has {len(left)}" for name, left in running.broker.queues.items() if left
    ]
    return found
