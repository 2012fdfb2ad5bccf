"""Money at WeChat's: what was paid is paid or given back, once, and the shop's books say the same (P3, P5, P8, P10)."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.case import Case, Fault
from chaos.checker.shapes import Order, PaidOut, Transaction

NEEDS_ATTENTION = "needs_attention"


def money_has_an_order(case: Case) -> Iterator[Fault]:
    """Nothing was paid for an order that does not exist."""
    for transaction in case.paid_at_wechat.get("", ()):
        yield Fault({"out_trade_no": transaction.out_trade_no}, "an order", None)


def paid_is_paid_or_returned(case: Case) -> Iterator[Fault]:
    """Of an order's payments at WeChat one counts, if the order is paid, and every other one went back in full."""
    for order in case.observed.orders:
        paid = case.paid_at_wechat.get(order.order_id, [])
        kept = [each for each in paid if not _went_back_as_surplus(case, each)]
        counts = 1 if order.is_ever_paid and order.payable_fen else 0
        if len(kept) != counts:
            numbers = [each.out_trade_no for each in kept]
            yield Fault({"order_id": order.order_id, "status": order.status}, f"{counts} kept", numbers)
        for each in kept:
            if counts and each.total_fen != order.payable_fen:
                yield Fault({"out_trade_no": each.out_trade_no}, order.payable_fen, each.total_fen)


def books_agree_by_order(case: Case) -> Iterator[Fault]:
    """Per order, what WeChat took less what it gave back is what the shop says."""
    for order in case.observed.orders:
        at_wechat = sum(
            each.total_fen - case.returned_fen(each.out_trade_no)
            for each in case.paid_at_wechat.get(order.order_id, ())
        )
        in_the_shop = _kept_fen(case, order)
        if at_wechat != in_the_shop:
            yield Fault({"order_id": order.order_id, "status": order.status}, at_wechat, in_the_shop)


def payments_agree_with_orders(case: Case) -> Iterator[Fault]:
    """The payment service tells of each order's money what the order service tells."""
    for order in case.observed.orders:
        payment = case.observed.payment_by_order.get(order.order_id)
        refunds = case.refunds_of(order)
        expected = {
            "is_paid": order.is_ever_paid,
            "paid_fen": order.payable_fen if order.is_ever_paid else 0,
            "refunded_fen": sum(refund.refund_fen for refund in refunds if refund.status != NEEDS_ATTENTION),
        }
        if payment is None:
            found = dict.fromkeys(expected, 0)
        else:
            waiting_fen = payment.refunded_fen - expected["refunded_fen"]
            possible_fen = sum(refund.refund_fen for refund in refunds if refund.status == NEEDS_ATTENTION)
            found = {
                "is_paid": payment.status == "succeeded",
                "paid_fen": payment.paid_fen,
                "refunded_fen": payment.refunded_fen - min(max(waiting_fen, 0), possible_fen),
            }
        if found != expected:
            yield Fault({"order_id": order.order_id, "status": order.status}, expected, found)


def refunds_are_paid_out_once(case: Case) -> Iterator[Fault]:
    """Each refund of an order was paid out once, in full, and nothing else was (P8)."""
    paid_out = Counter[str]()
    for each in case.books.refunds:
        if not _is_surplus(each):
            paid_out[_refund_number(each)] += each.refund_fen if each.status == "SUCCESS" else 0
    for refund in case.observed.refunds:
        expected = refund.refund_fen if refund.is_done else 0
        found = paid_out.pop(refund.refund_number, 0)
        if found != expected:
            yield Fault({"refund_number": refund.refund_number, "status": refund.status}, expected, found)
    for number, found in paid_out.items():
        yield Fault({"refund_number": number}, "no such refund", found)


def refunds_are_decided(case: Case) -> Iterator[Fault]:
    """No refund is left on its way: it was paid out, or waits for an operator and says so."""
    told = {refund.refund_number: refund.status for refund in case.observed.refunds}
    for each in case.books.refunds:
        is_waiting = each.status == "ABNORMAL" and told.get(_refund_number(each)) == NEEDS_ATTENTION
        if each.status not in ("SUCCESS", "CLOSED") and not is_waiting:
            yield Fault({"out_refund_no": each.out_refund_no}, "paid out", each.status)
    for refund in case.observed.refunds:
        if not refund.is_done and refund.status != NEEDS_ATTENTION:
            yield Fault({"refund_number": refund.refund_number}, "decided", refund.status)


def a_refund_has_one_number(case: Case) -> Iterator[Fault]:
    """At WeChat no refund is under way or done under two numbers, and every number is one that the shop knows."""
    known = {attempt.out_refund_no: attempt for attempt in case.observed.refund_attempts}
    live = Counter[str]()
    for refund in case.books.refunds:
        attempt = known.get(refund.out_refund_no)
        if attempt is None or attempt.refund_fen != refund.refund_fen:
            yield Fault(
                {"out_refund_no": refund.out_refund_no}, refund.refund_fen, attempt and attempt.refund_fen
            )
        elif refund.status != "CLOSED":
            live[attempt.refund_id] += 1
    for refund_id, count in live.items():
        if count > 1:
            yield Fault({"refund_id": refund_id}, "one number", count)


def surplus_went_back_once(case: Case) -> Iterator[Fault]:
    """A payment that went back as surplus went back under one number, nothing else of it, and nothing waits to (P5)."""
    for number, refunds in case.paid_out.items():
        if len(refunds) > 1 and any(map(_is_surplus, refunds)):
            yield Fault({"out_trade_no": number}, "one refund", [each.out_refund_no for each in refunds])
    if left_fen := case.observed.balances.get("surplus_payable", 0):
        yield Fault({"account": "surplus_payable"}, 0, left_fen)


def no_payment_gives_back_more_than_it_took(case: Case) -> Iterator[Fault]:
    """Σ refunds of a payment at WeChat, under way too, is at most what was paid."""
    totals = {each.out_trade_no: each.total_fen for each in case.books.payments if each.paid_at is not None}
    for number, refunds in case.paid_out.items():
        given_back = sum(refund.refund_fen for refund in refunds)
        if given_back > totals.get(number, 0):
            yield Fault({"out_trade_no": number}, f"at most {totals.get(number, 0)}", given_back)


def cash_books_balance(case: Case) -> Iterator[Fault]:
    """All accounts sum to zero, and what WeChat owes us is what its books say (P10, M4)."""
    accounts = case.observed.balances
    if sum(accounts.values()):
        yield Fault({"accounts": "all"}, 0, sum(accounts.values()))
    paid_fen = sum(each.total_fen for each in case.books.payments if each.paid_at is not None)
    waiting = {
        attempt.refund_id: attempt.refund_fen
        for attempt in case.observed.refund_attempts
        if attempt.refund_status in ("processing", "failed")
    }
    expected = {
        "provider_receivable": paid_fen - sum(map(case.returned_fen, case.paid_out)),
        "refunds_payable": -sum(waiting.values()),
    }
    for account, balance_fen in expected.items():
        if accounts.get(account, 0) != balance_fen:
            yield Fault({"account": account}, balance_fen, accounts.get(account, 0))


def _went_back_as_surplus(case: Case, payment: Transaction) -> bool:
    return any(
        _is_surplus(refund) and refund.status == "SUCCESS" and refund.refund_fen == payment.total_fen
        for refund in case.paid_out.get(payment.out_trade_no, ())
    )


def _kept_fen(case: Case, order: Order) -> int:
    if not order.is_ever_paid:
        return 0
    refunds = case.refunds_of(order)
    return order.payable_fen - sum(refund.refund_fen for refund in refunds if refund.is_done)


def _is_surplus(refund: PaidOut) -> bool:
    return refund.out_refund_no.startswith(f"SURPLUS-{refund.out_trade_no}")


def _refund_number(refund: PaidOut) -> str:
    """The shop's number of an order's refund; -2 … after it count tries after WeChat closed the one before."""
    return refund.out_refund_no.partition("-")[0]
