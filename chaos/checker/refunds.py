"""Refunds as the order service counts them: kept, wanted, never more than was paid, and of the right amount (P8, M2, M5)."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.case import Case, Fault
from chaos.checker.shapes import OrderLine


def acknowledged_refund_is_kept(case: Case) -> Iterator[Fault]:
    """An acknowledged refund exists with its number and amount, and one key asked for one refund."""
    refunds = {refund.refund_id: refund for refund in case.observed.refunds}
    for call in case.named("request-refund"):
        if len({answer["refund_id"] for answer in call.acknowledged}) > 1:
            yield Fault(
                {"key": str(call.key)}, "one refund", [each["refund_id"] for each in call.acknowledged]
            )
        for answer in call.acknowledged:
            agreed = {name: answer[name] for name in ("order_id", "refund_number", "refund_fen")}
            refund = refunds.get(answer["refund_id"])
            found = {name: getattr(refund, name, None) for name in agreed}
            if found != agreed:
                yield Fault({"refund_id": answer["refund_id"]}, agreed, found)


def nothing_is_refunded_unasked(case: Case) -> Iterator[Fault]:
    """Every refund was asked for: by a call that was answered, by one that was not, or by an after-sale request."""
    acknowledged = {
        answer["refund_id"] for call in case.named("request-refund") for answer in call.acknowledged
    }
    before = {refund.refund_id for refund in case.opening.refunds}
    after_sales = {request.refund.refund_id for request in case.observed.after_sales if request.refund}
    unanswered = Counter(
        call.request["order_id"]
        for call in case.named("request-refund")
        if call.may_have_happened and not call.is_acknowledged
    )
    for refund in case.observed.refunds:
        if refund.refund_id not in acknowledged | before | after_sales:
            unanswered[refund.order_id] -= 1
            if unanswered[refund.order_id] < 0:
                yield Fault({"refund_id": refund.refund_id, "order_id": refund.order_id}, "no refund", "one")


def orders_count_their_refunds(case: Case) -> Iterator[Fault]:
    """Σ refunds of an order is what it says, at most what was paid; of each line at most its units and its money."""
    for order in case.observed.orders:
        refunds = case.refunds_of(order)
        lines_fen = sum(line.amount_fen for refund in refunds for line in refund.lines)
        freight_fen = sum(refund.freight_fen for refund in refunds)
        refund_fen = sum(refund.refund_fen for refund in refunds)
        paid_fen = order.payable_fen if order.is_ever_paid else 0
        keys = {"order_id": order.order_id}
        if not refund_fen == order.refunded_fen == lines_fen + freight_fen or refund_fen > paid_fen:
            yield Fault(keys, f"{order.refunded_fen} of at most {paid_fen}", refund_fen)
        quantity = Counter[str]()
        amount_fen = Counter[str]()
        for back in (line for refund in refunds for line in refund.lines):
            quantity[back.order_line_id] += back.quantity
            amount_fen[back.order_line_id] += back.amount_fen
        for line in order.lines:
            found = (quantity[line.order_line_id], amount_fen[line.order_line_id])
            told = (line.refunded_quantity, line.refunded_fen)
            if found != told or found[0] > line.quantity or found[1] > line.payable_fen:
                yield Fault(keys | {"order_line_id": line.order_line_id}, told, found)


def units_come_back_at_their_price(case: Case) -> Iterator[Fault]:
    """What units bring back is their share of what the line cost, to the fen."""
    for order in case.observed.orders:
        for line in order.lines:
            expected = _first_units_fen(line, line.refunded_quantity)
            if line.refunded_fen != expected:
                keys = {"order_id": order.order_id, "order_line_id": line.order_line_id}
                yield Fault(keys, expected, line.refunded_fen)


def _first_units_fen(line: OrderLine, count: int) -> int:
    """The first units of a line cost one fen more while its money does not divide."""
    return sum(
        line.payable_fen // line.quantity + (unit < line.payable_fen % line.quantity) for unit in range(count)
    )
