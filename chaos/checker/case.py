"""All the evidence of a run, and where to find each thing in it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from chaos.checker.calls import Call, calls_of
from chaos.checker.shapes import (
    BOOKS_FILE,
    OBSERVED_FILE,
    OPENING_FILE,
    Books,
    Observation,
    Order,
    PaidOut,
    Refund,
    Transaction,
    read_books,
    read_observation,
)
from chaos.journal import read_journal

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Fault:
    """One thing that is not as the evidence says it must be; `keys` name what it is about."""

    keys: Mapping[str, str]
    expected: object
    found: object


@dataclass(frozen=True)
class Case:
    """What was asked and answered, what the shop said before and after, and what WeChat's books say."""

    calls: list[Call]
    opening: Observation
    observed: Observation
    books: Books

    def named(self, *names: str) -> Iterator[Call]:
        """The calls of these names, those of one name in the order in which they were asked."""
        return chain.from_iterable(self._by_name.get(name, ()) for name in names)

    @cached_property
    def _by_name(self) -> Mapping[str, list[Call]]:
        found: defaultdict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            found[call.name].append(call)
        return dict(found)

    @cached_property
    def member_of(self) -> Mapping[str, str]:
        """Shoppers' member ids, as their logins were answered."""
        return {
            call.shopper: answer["member_id"] for call in self.named("login") for answer in call.acknowledged
        }

    @cached_property
    def order_numbers(self) -> Mapping[str, str]:
        """Order ids by order number."""
        return {order.order_number: order.order_id for order in self.observed.orders}

    def order_of(self, out_trade_no: str) -> Order | None:
        """The order that a payment number belongs to: an order's number, or with -2, -3 … after it."""
        order_id = self.order_numbers.get(out_trade_no.partition("-")[0])
        return None if order_id is None else self.observed.order_by_id[order_id]

    @cached_property
    def paid_at_wechat(self) -> Mapping[str, list[Transaction]]:
        """What was paid at WeChat, by order id; "" holds what belongs to no order."""
        found: defaultdict[str, list[Transaction]] = defaultdict(list)
        for transaction in self.books.payments:
            if transaction.paid_at is not None:
                order = self.order_of(transaction.out_trade_no)
                found[order.order_id if order else ""].append(transaction)
        return found

    @cached_property
    def paid_out(self) -> Mapping[str, list[PaidOut]]:
        """What WeChat pays back, or was asked to, by payment number; refunds that it closed moved nothing."""
        found: defaultdict[str, list[PaidOut]] = defaultdict(list)
        for refund in self.books.refunds:
            if refund.status != "CLOSED":
                found[refund.out_trade_no].append(refund)
        return found

    def returned_fen(self, out_trade_no: str) -> int:
        """What reached the shopper of a payment's money."""
        return sum(
            refund.refund_fen for refund in self.paid_out.get(out_trade_no, ()) if refund.status == "SUCCESS"
        )

    def refunds_of(self, order: Order) -> list[Refund]:
        """The shop's refunds of an order, whatever became of them."""
        return self.observed.refunds_by_order.get(order.order_id, [])

    def is_wholly_refunded(self, order: Order) -> bool:
        """Whether every unit of an order came back."""
        returned = Counter[str]()
        for refund in self.refunds_of(order):
            for line in refund.lines if refund.is_done else ():
                returned[line.order_line_id] += line.quantity
        return all(returned[line.order_line_id] == line.quantity for line in order.lines)


def shop_day(at: datetime) -> date:
    """The calendar day of an instant in China."""
    return at.astimezone(SHANGHAI).date()


def read_case(folder: Path) -> Case:
    """The evidence of a run's folder; raises ValidationError or OSError when some of it cannot be read."""
    return Case(
        calls=calls_of(read_journal(folder)),
        opening=read_observation(folder / OPENING_FILE),
        observed=read_observation(folder / OBSERVED_FILE),
        books=read_books(folder / BOOKS_FILE),
    )
