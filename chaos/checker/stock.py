"""Stock: what was sold left the shelf once, what came back is there again, and nothing was oversold (P6, S1-S3)."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.case import Case, Fault, refunds_by_order
from chaos.checker.shapes import Observation, StockMovement

INBOUND = ("receive", "adjust")


def stock_is_what_was_sold(case: Case) -> Iterator[Fault]:
    """Per SKU: on hand before + what came in − sold + put back = on hand now; sold and reserved are the orders'."""
    before, after = _taken(case.opening), _taken(case.observed)
    reserved = _reserved(case.observed)
    for sku_id, level in case.observed.stock.items():
        opening = case.opening.stock.get(sku_id)
        sold = after[sku_id] - before[sku_id]
        expected = {
            "on_hand": (opening.on_hand if opening else 0) + _came_in(case, sku_id) - sold,
            "reserved": reserved[sku_id],
            "sold": (opening.sold if opening else 0) + sold,
        }
        expected["available"] = expected["on_hand"] - expected["reserved"]
        found = {name: getattr(level, name) for name in expected}
        if found != expected:
            yield Fault({"sku_id": sku_id}, expected, found)


def nothing_is_oversold(case: Case) -> Iterator[Fault]:
    """No more is promised or sold than ever was there."""
    before, after = _taken(case.opening), _taken(case.observed)
    reserved = _reserved(case.observed)
    for sku_id in case.observed.stock:
        opening = case.opening.stock.get(sku_id)
        there = (opening.on_hand if opening else 0) + _came_in(case, sku_id)
        wanted = after[sku_id] - before[sku_id] + reserved[sku_id]
        if wanted > there:
            yield Fault({"sku_id": sku_id}, f"at most {there} sold", wanted)


def stock_adjustments_are_kept(case: Case) -> Iterator[Fault]:
    """Each acknowledged adjustment, told by its reason, was made once; one without an answer at most once; no other was."""
    made = Counter[tuple[str, str | None, int]]()
    for sku_id in case.observed.stock_movements:
        for movement in _new_movements(case, sku_id):
            if movement.kind == "adjust":
                made[sku_id, movement.reason, movement.on_hand] += 1
    for call in case.named("adjust-stock"):
        wanted = (call.request["sku_id"], call.body["reason"], call.body["change"])
        found = made.pop(wanted, 0)
        if found != 1 and (call.is_acknowledged or found > call.may_have_happened):
            yield Fault({"sku_id": wanted[0], "reason": wanted[1]}, int(call.is_acknowledged), found)
    for (sku_id, reason, change), found in made.items():
        yield Fault({"sku_id": sku_id, "reason": str(reason)}, "no such adjustment", [change] * found)


def _taken(observation: Observation) -> Counter[str]:
    """Units that paid orders took and refunds did not put back, by SKU."""
    taken = Counter[str]()
    refunds = refunds_by_order(observation)
    for order in observation.orders.values():
        if order.is_ever_paid:
            sku_of = {line.order_line_id: line.sku_id for line in order.lines}
            for line in order.lines:
                taken[line.sku_id] += line.quantity
            for refund in refunds.get(order.order_id, ()):
                for back in refund.lines if refund.is_done else ():
                    taken[sku_of[back.order_line_id]] -= back.restocked
    return taken


def _reserved(observation: Observation) -> Counter[str]:
    """Units that orders not yet paid or closed hold, by SKU."""
    held = Counter[str]()
    for order in observation.orders.values():
        if order.is_open:
            for line in order.lines:
                held[line.sku_id] += line.quantity
    return held


def _came_in(case: Case, sku_id: str) -> int:
    return sum(movement.on_hand for movement in _new_movements(case, sku_id) if movement.kind in INBOUND)


def _new_movements(case: Case, sku_id: str) -> list[StockMovement]:
    """The movements since the opening: those are newest first, and none ever goes away."""
    count = len(case.opening.stock_movements.get(sku_id, ()))
    movements = case.observed.stock_movements.get(sku_id, ())
    return list(movements[: len(movements) - count])
