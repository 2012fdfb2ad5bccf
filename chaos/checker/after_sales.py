"""After-sale requests: kept as asked, each step for good, and each ends in one refund, or new goods, or nothing (P1, P8)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from chaos.checker.calls import Call
from chaos.checker.case import Case, Fault
from chaos.checker.shapes import AfterSale, Refund

NOTHING = ("cancelled", "expired", "closed")
"""Ends in which nobody gets anything."""


def acknowledged_after_sale_is_kept(case: Case) -> Iterator[Fault]:
    """An acknowledged request exists as it was asked, and one key made one."""
    for call in case.named("request-after-sale"):
        made = {answer["after_sale_id"] for answer in call.acknowledged}
        if len(made) > 1:
            yield Fault({"key": str(call.key)}, "one request", sorted(made))
        units = sorted((line["order_line_id"], line["quantity"]) for line in call.request["lines"])
        wanted = (call.request["order_id"], call.request["kind"], units)
        for after_sale_id in made:
            request = case.observed.after_sale_by_id.get(after_sale_id)
            found = request and (request.order_id, request.kind, sorted(_units(request).items()))
            if found != wanted:
                yield Fault({"after_sale_id": after_sale_id}, wanted, found)


def after_sale_steps_are_kept(case: Case) -> Iterator[Fault]:
    """What was acknowledged to a shopper or an operator of a request's way still shows in it."""
    for name, holds in _STEPS.items():
        for call in case.named(name):
            request = case.observed.after_sale_by_id.get(call.request["after_sale_id"])
            if call.is_acknowledged and not (request and holds(call, request)):
                yield Fault({"after_sale_id": call.request["after_sale_id"]}, f"{name} done", request)


def an_after_sale_ends_once(case: Case) -> Iterator[Fault]:
    """A completed request was refunded, in one refund of its own that reached the shopper, or replaced; never both.

    What was withdrawn brought nothing, and nobody still waits for a refund that has come.
    """
    owners = Counter(request.refund.refund_id for request in case.observed.after_sales if request.refund)
    for request in case.observed.after_sales:
        keys = {"after_sale_id": request.after_sale_id, "status": request.status}
        refund = case.observed.refund_by_id.get(request.refund.refund_id) if request.refund else None
        ends = [
            *(["refund"] if request.refund else []),
            *(["new goods"] if request.is_replaced else []),
        ]
        expected = 1 if request.status in ("completed", "refunding") else int(request.is_replaced)
        if len(ends) != expected or (request.status in NOTHING and ends):
            yield Fault(keys, f"{expected} of refund and new goods", ends)
        if request.refund is None:
            continue
        if refund is None or owners[refund.refund_id] > 1 or refund.order_id != request.order_id:
            yield Fault(keys, "a refund of its own", request.refund.refund_id)
        elif refund.is_done != (request.status == "completed"):
            yield Fault(keys, f"{request.status} as the refund", refund.status)


def returned_units_go_where_inspection_says(case: Case) -> Iterator[Fault]:
    """A request's refund is about its units; of those that came back the sound ones are on the shelf again, no others."""
    for request in case.observed.after_sales:
        refund = case.observed.refund_by_id.get(request.refund.refund_id) if request.refund else None
        if refund is not None:
            expected = _units(request), _sound(request, refund)
            found = (
                {line.order_line_id: line.quantity for line in refund.lines},
                {line.order_line_id: line.restocked for line in refund.lines},
            )
            if found != expected:
                yield Fault({"after_sale_id": request.after_sale_id}, expected, found)


def _units(request: AfterSale) -> dict[str, int]:
    return {line.order_line_id: line.quantity for line in request.lines}


def _sound(request: AfterSale, refund: Refund) -> dict[str, int]:
    """Units fit to be sold by line; of what never came back the refund tells how much had not left."""
    if request.kind == "refund_only":
        return {line.order_line_id: line.restocked for line in refund.lines}
    return {line.order_line_id: line.restockable_quantity or 0 for line in request.lines}


def _is_sent_back(call: Call, request: AfterSale) -> bool:
    waybill = request.return_waybill
    return waybill is not None and waybill.tracking_number == call.request["tracking_number"]


def _is_received(call: Call, request: AfterSale) -> bool:
    told = {line["order_line_id"]: line["restockable_quantity"] for line in call.request["lines"]}
    return told == {line.order_line_id: line.restockable_quantity for line in request.lines}


def _is_replaced(call: Call, request: AfterSale) -> bool:
    waybill = request.replacement_waybill
    return waybill is not None and waybill.tracking_number == call.request["tracking_number"]


_STEPS: Mapping[str, Callable[[Call, AfterSale], bool]] = {
    "withdraw-after-sale": lambda _, request: request.status == "cancelled",
    "approve-after-sale": lambda _, request: request.status != "applied",
    "send-back": _is_sent_back,
    "receive-return": _is_received,
    "ship-replacement": _is_replaced,
    "confirm-replacement": lambda _, request: request.status == "completed" and request.is_replaced,
    "refund-instead": lambda _, request: request.refund is not None,
}
