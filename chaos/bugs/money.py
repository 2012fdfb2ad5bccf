"""Bugs of money: given back twice, never, or to nobody."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import text

from chaos.bugs.registry import bug
from services.order.orders import mark_paid
from services.order.orders.domain import Order, OrderStatus
from services.order.orders.storage import Orders
from services.order.refunds import request_refund
from services.order.refunds.domain import amounts
from services.payment.notices.storage import NoticeRow, Notices
from services.payment.payments import close_payment, take_payment
from services.payment.payments.domain import QUERY_ATTEMPT, Attempt, AttemptStatus, Payment, PaymentStatus
from services.payment.payments.storage import Payments
from services.payment.refunds import advance_refund
from shared.database import begin

_COUNT = text(
    "UPDATE order_lines SET refunded_quantity = refunded_quantity + :quantity, refunded_fen = refunded_fen + :amount_fen"
    " WHERE id = :id"
)
_ADD = text("UPDATE orders SET refunded_fen = refunded_fen + :refund_fen WHERE id = :id")


async def _nothing(*_: object, **__: object) -> None:
    return None


@bug(bites_in="the_answer_to_a_refund_is_lost", caught_by="a-refund-has-one-number")
@contextmanager
def new_refund_number_on_retry() -> Iterator[None]:
    """Whenever WeChat is called for a refund it is under another number (K9)."""

    async def ask(resources: Any, refund: Any, attempt: Any) -> Any:
        number = (
            attempt.out_refund_no if attempt.calls == 0 else f"{attempt.out_refund_no}-{attempt.calls + 1}"
        )
        said = await resources.answered(
            resources.wechat_pay.refund(
                number,
                out_trade_no=refund.out_trade_no,
                refund_fen=refund.refund_fen,
                total_fen=refund.total_fen,
                notify_url=resources.refund_notify_url,
                reason=refund.reason,
            )
        )
        return replace(said, out_refund_no=attempt.out_refund_no)

    with patch.object(advance_refund, "_ask", ask):
        yield


@bug(bites_in="paid_twice", caught_by="paid-is-paid-or-returned")
@contextmanager
def second_payment_kept() -> Iterator[None]:
    """Money that comes a second time stays (P5)."""
    with patch.object(take_payment, "refund_surplus", _nothing):
        yield


@bug(bites_in="paid_too_late", caught_by="paid-is-paid-or-returned")
@contextmanager
def late_payment_kept() -> Iterator[None]:
    """Money for a closed order stays (P5)."""
    with patch.object(take_payment, "refund_surplus", _nothing):
        yield


@bug(bites_in="paid_too_late", caught_by="what-was-seen-stays-true")
@contextmanager
def late_payment_revives_the_order() -> Iterator[None]:
    """Whoever pays has bought, closed or not: the stock is long sold to others (P5)."""
    lock_by_number, lock_all = Payments.lock_by_number, Orders.lock_all

    async def as_if_open(self: Payments, out_trade_no: str) -> tuple[Payment, Attempt] | None:
        found = await lock_by_number(self, out_trade_no)
        if found is None or found[0].status is not PaymentStatus.CLOSED:
            return found
        return replace(found[0], status=PaymentStatus.PAYING), found[1]

    class EveryOrderLives(Orders):
        async def lock_all(self, order_ids: Collection[UUID]) -> dict[UUID, Order]:
            return {
                id_: replace(order, status=OrderStatus.PENDING_PAY)
                if order.status is OrderStatus.CLOSED
                else order
                for id_, order in (await lock_all(self, order_ids)).items()
            }

    with (
        patch.object(Payments, "lock_by_number", as_if_open),
        patch.object(mark_paid, "Orders", EveryOrderLives),
    ):
        yield


@bug(bites_in="told_twice", caught_by="paid-is-paid-or-returned")
@contextmanager
def notice_without_a_ledger() -> Iterator[None]:
    """Nobody remembers what WeChat told before: the second notice is a second payment, and goes back (P3)."""
    lock_by_number = Payments.lock_by_number

    async def as_if_unpaid(self: Payments, out_trade_no: str) -> tuple[Payment, Attempt] | None:
        found = await lock_by_number(self, out_trade_no)
        return None if found is None else (found[0], replace(found[1], status=AttemptStatus.PREPAID))

    async def forget(self: Notices, notice: NoticeRow, *, at: datetime) -> None:
        return None

    with patch.object(Payments, "lock_by_number", as_if_unpaid), patch.object(Notices, "record", forget):
        yield


@bug(bites_in="paid_but_nobody_told", caught_by="paid-is-paid-or-returned")
@contextmanager
def closed_without_asking_wechat() -> Iterator[None]:
    """An order is closed by our own books, and that is that (K15)."""

    async def close(resources: Any, attempt: Attempt, *, at: datetime) -> None:
        async with begin(resources.engine) as work:
            await Payments(work.connection).close_attempt(attempt.out_trade_no, at=at)
            await work.timers.cancel(QUERY_ATTEMPT, attempt.out_trade_no)

    with patch.object(close_payment, "make_unpayable", close):
        yield


@bug(bites_in="refunded_by_two", caught_by="orders-count-their-refunds")
@contextmanager
def refund_without_a_guard() -> Iterator[None]:
    """What went back before is neither looked at nor counted against what was paid (P8)."""

    def as_if_the_first(quote: Any, lines: Sequence[Any], *more: Any, **named: Any) -> Any:
        whole = [replace(line, refunded_quantity=0, refunded_fen=0, refunded_points=0) for line in lines]
        return amounts(quote, whole, *more, **named)

    async def count(connection: Any, back: Sequence[Any]) -> None:
        for units in back:
            values = {"id": units.order_line_id, "quantity": units.quantity, "amount_fen": units.amount_fen}
            await connection.execute(_COUNT, values)

    async def add(self: Orders, order_id: UUID, refund_fen: int) -> bool:
        await self._connection.execute(_ADD, {"id": order_id, "refund_fen": refund_fen})
        return True

    with (
        patch.object(request_refund, "amounts", as_if_the_first),
        patch.object(request_refund, "count_refunded", count),
        patch.object(Orders, "add_refunded", add),
    ):
        yield
