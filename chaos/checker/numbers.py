"""What follows from events: analytics' days are the orders' and refunds', and nothing was given up on (P9, E3, E5)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date

from chaos.checker.case import Case, Fault, shop_day


def days_are_counted_right(case: Case) -> Iterator[Fault]:
    """Analytics' orders, money and refunds of each shop day are those of the orders themselves."""
    days: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for order in case.observed.orders:
        if order.was_placed:
            days[shop_day(order.placed_at)]["orders_created"] += 1
        if order.is_ever_paid and order.paid_at is not None:
            days[shop_day(order.paid_at)] += Counter(orders_paid=1, gmv_fen=order.payable_fen)
    for refund in case.observed.refunds:
        if refund.is_done and refund.refunded_at is not None:
            days[shop_day(refund.refunded_at)] += Counter(refunds=1, refund_fen=refund.refund_fen)
    for day in case.observed.days:
        found = asdict(day.values)
        expected = {name: days[day.day_on][name] for name in found}
        if found != expected:
            yield Fault({"day_on": str(day.day_on)}, expected, found)


def nothing_is_parked(case: Case) -> Iterator[Fault]:
    """No event was given up on."""
    for event in case.observed.parked:
        keys = {"service": event.service, "reaction": event.reaction, "event_id": event.event_id}
        yield Fault(keys, "applied", f"parked: {event.reason}")
