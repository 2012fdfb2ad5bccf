"""Orders: each acknowledged one is there once as it was agreed, none that nobody asked for, none undecided (P1, P2)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import permutations
from typing import Any

from chaos.checker.calls import Call
from chaos.checker.case import Case, Fault
from chaos.checker.shapes import Order

PATH = {
    "creating": 0,
    "pending_pay": 1,
    "closing": 2,
    "paid": 3,
    "partly_shipped": 4,
    "shipped": 5,
    "completed": 6,
}
"""The states in their order; an order moves forwards only, and `closed` is left by none."""

Wish = tuple[str | None, tuple[tuple[str, int], ...] | None, str | None]
"""Who wanted what with which coupon; lines are None when the whole cart was wanted."""


def acknowledged_order_is_kept(case: Case) -> Iterator[Fault]:
    """An acknowledged order exists, with its number, amount, member, lines and coupon."""
    for call in case.named("place-order"):
        for answer in call.acknowledged:
            order = case.observed.order_by_id.get(answer["order_id"])
            keys = {"order_id": answer["order_id"], "shopper": call.shopper}
            if order is None:
                yield Fault(keys, "the acknowledged order", None)
                continue
            agreed = {
                "order_number": answer["order_number"],
                "payable_fen": answer["payable_fen"],
                "wish": _wish(call, case),
            }
            wish = _wish_of(order) if call.request.get("lines") else (order.member_id, None, order.coupon_id)
            found = {"order_number": order.order_number, "payable_fen": order.payable_fen, "wish": wish}
            if agreed != found:
                yield Fault(keys, agreed, found)


def one_key_is_one_order(case: Case) -> Iterator[Fault]:
    """All answers to one key name one order, and no order answers two keys."""
    keys_of: dict[str, str] = {}
    for call in case.named("place-order"):
        orders = {answer["order_id"] for answer in call.acknowledged}
        if len(orders) > 1:
            yield Fault({"key": str(call.key)}, "one order", sorted(orders))
        for order_id in orders:
            first = keys_of.setdefault(order_id, str(call.key))
            if first != call.key:
                yield Fault({"order_id": order_id}, "one key", [first, call.key])


def nobody_gets_an_order_unasked(case: Case) -> Iterator[Fault]:
    """Every order is one that was acknowledged, or one whose asking was never answered; each key made at most one.

    An order refused or given up while it was made may be left over from each try.
    """
    acknowledged = {answer["order_id"] for call in case.named("place-order") for answer in call.acknowledged}
    left_over = [
        order
        for order in case.observed.orders
        if order.order_id not in acknowledged and order.order_id not in case.opening.order_by_id
    ]
    unanswered = Counter[Wish]()
    tries = Counter[Wish]()
    for call in case.named("place-order"):
        tries[_wish(call, case)] += call.tries
        unanswered[_wish(call, case)] += call.may_have_happened and not call.is_acknowledged
    for order in left_over:
        allowed = unanswered if order.was_placed else tries
        wishes = (_wish_of(order), (order.member_id, None, order.coupon_id))
        wish = next((wish for wish in wishes if allowed[wish] > 0), None)
        if wish is None:
            yield Fault({"order_id": order.order_id, "member_id": order.member_id}, "no order", order.status)
        else:
            allowed[wish] -= 1


def every_order_is_decided(case: Case) -> Iterator[Fault]:
    """Nothing is left half made or half closed."""
    for order in case.observed.orders:
        if order.status in ("creating", "closing"):
            yield Fault({"order_id": order.order_id}, "pending_pay, paid or closed", order.status)


def prices_add_up(case: Case) -> Iterator[Fault]:
    """Goods and freight less discounts is what is payable, and the lines' shares sum to it (M5)."""
    for order in case.observed.orders:
        lines_fen = sum(line.payable_fen for line in order.lines)
        expected = {
            "goods_fen": sum(line.unit_price_fen * line.quantity for line in order.lines),
            "payable_fen": order.goods_fen + order.freight_fen - order.discount_fen,
            "lines and freight": order.payable_fen,
        }
        found = {
            "goods_fen": order.goods_fen,
            "payable_fen": order.payable_fen,
            "lines and freight": lines_fen + order.freight_fen - order.freight_discount_fen,
        }
        if expected != found or order.payable_fen < 0:
            yield Fault({"order_id": order.order_id}, expected, found)


def what_was_seen_stays_true(case: Case) -> Iterator[Fault]:
    """A state that a shopper saw is never taken back: whoever asks later sees what may follow it."""
    seen: defaultdict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for call in case.named("see-order", "cancel-order", "confirm-receipt"):
        for asked_at, answered in call.words:
            if answered.is_done:
                seen[answered.body["order_id"]].append((asked_at, answered.at, answered.body["status"]))
    for order_id, sights in seen.items():
        if order := case.observed.order_by_id.get(order_id):
            sights.append((case.observed.taken_at, case.observed.taken_at, order.status))
        for (_, answered_at, before), (asked_at, _, after) in permutations(sights, 2):
            if answered_at < asked_at and not _may_follow(before, after):
                yield Fault({"order_id": order_id}, f"nothing that cannot follow {before}", after)


def acknowledged_payment_is_kept(case: Case) -> Iterator[Fault]:
    """An order of which the shop said that its payment succeeded is paid."""
    for call in case.named("pay"):
        for answer in call.acknowledged:
            order = case.observed.order_by_id.get(answer["order_id"])
            if answer["status"] == "succeeded" and not (order and order.is_ever_paid):
                yield Fault({"order_id": answer["order_id"]}, "paid", order.status if order else None)


def _may_follow(before: str, after: str) -> bool:
    if "closed" in (before, after):
        return before == after or (after == "closed" and PATH[before] < PATH["paid"])
    return PATH[before] <= PATH[after]


def _wish(call: Call, case: Case) -> Wish:
    return (
        case.member_of.get(call.shopper),
        _quantities(call.request.get("lines")),
        call.request.get("coupon_id"),
    )


def _wish_of(order: Order) -> Wish:
    lines = tuple(sorted((line.sku_id, line.quantity) for line in order.lines))
    return order.member_id, lines, order.coupon_id


def _quantities(lines: list[dict[str, Any]] | None) -> tuple[tuple[str, int], ...] | None:
    if not lines:
        return None
    return tuple(sorted((line["sku_id"], line["quantity"]) for line in lines))
