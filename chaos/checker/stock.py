"""Stock: what was sold left the shelf once, what came back is there again, and nothing was oversold (P6, S1-S3)."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.case import Case, Fault
from chaos.checker.shapes import Observation


def stock_is_what_was_sold(case: Case) -> Iterator[Fault]:
    """Per SKU: on hand before + adjusted − sold + put back = on hand now; sold and reserved are the orders' (S1, S2)."""
    before, after, reserved = _taken(case.opening), _taken(case.observed), _reserved(case.observed)
    for level in case.observed.stock:
        opening = case.opening.stock_by_sku[level.sku_id]
        sold = after[level.sku_id] - before[level.sku_id]
        on_hand = opening.on_hand + _adjusted(case, level.sku_id) - sold
        expected = {
            "on_hand": on_hand,
            "reserved": reserved[level.sku_id],
            "available": on_hand - reserved[level.sku_id],
            "sold": opening.sold + sold,
        }
        found = {name: getattr(level, name) for name in expected}
        if found != expected:
            yield Fault({"sku_id": level.sku_id}, expected, found)


def nothing_is_oversold(case: Case) -> Iterator[Fault]:
    """No more is promised or sold than ever was there (P6)."""
    before, after, reserved = _taken(case.opening), _taken(case.observed), _reserved(case.observed)
    for sku_id, opening in case.opening.stock_by_sku.items():
        there = opening.on_hand + _adjusted(case, sku_id)
        wanted = after[sku_id] - before[sku_id] + reserved[sku_id]
        if wanted > there:
            yield Fault({"sku_id": sku_id}, f"at most {there} sold", wanted)


def stock_adjustments_are_kept(case: Case) -> Iterator[Fault]:
    """Each acknowledged adjustment, told by its reason, was made once; one without an answer at most once; no other was."""
    made = Counter(
        (level.sku_id, adjustment.reason, adjustment.on_hand)
        for level in case.observed.stock
        for adjustment in level.adjustments
    )
    made -= Counter(
        (level.sku_id, adjustment.reason, adjustment.on_hand)
        for level in case.opening.stock
        for adjustment in level.adjustments
    )
    for call in case.named("adjust-stock"):
        wanted = (call.request["sku_id"], call.request["reason"], call.request["change"])
        found = made.pop(wanted, 0)
        if found != 1 and (call.is_acknowledged or found > call.may_have_happened):
            yield Fault({"sku_id": wanted[0], "reason": wanted[1]}, int(call.is_acknowledged), found)
    for (sku_id, reason, change), found in made.items():
        yield Fault({"sku_id": sku_id, "reason": str(reason)}, "no such adjustment", [change] * found)


def _taken(observation: Observation) -> Counter[str]:
    """Units that paid orders and exchanges took, less what refunds and exchanges put back, by SKU."""
    taken = Counter[str]()
    refunds = observation.refunds_by_order
    for order in observation.orders:
        if order.is_ever_paid:
            sku_of = {line.order_line_id: line.sku_id for line in order.lines}
            for line in order.lines:
                taken[line.sku_id] += line.quantity
            for refund in refunds.get(order.order_id, ()):
                for back in refund.lines if refund.is_done else ():
                    taken[sku_of.get(back.order_line_id, "")] -= back.restocked
    for request in observation.after_sales:
        for exchanged in request.lines if request.is_replaced else ():
            taken[exchanged.sku_id] += exchanged.quantity - (exchanged.restockable_quantity or 0)
    return taken


def _reserved(observation: Observation) -> Counter[str]:
    """Units that orders not yet paid or closed hold, and exchanges whose new goods have not left, by SKU."""
    held = Counter[str]()
    for order in observation.orders:
        if order.is_open:
            for line in order.lines:
                held[line.sku_id] += line.quantity
    for request in observation.after_sales:
        for exchanged in request.lines if request.holds_stock else ():
            held[exchanged.sku_id] += exchanged.quantity
    return held


def _adjusted(case: Case, sku_id: str) -> int:
    """What operators added since the opening, less what they took."""
    before = sum(each.on_hand for each in case.opening.stock_by_sku[sku_id].adjustments)
    return sum(each.on_hand for each in case.observed.stock_by_sku[sku_id].adjustments) - before
