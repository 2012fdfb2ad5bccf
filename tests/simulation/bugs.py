"""Bugs to be found: mistakes of the kind that reliability.md section 2 forbids, put into the running shop one at a time."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from services.catalog.stock import api as stock_api, usecases as stock
from services.order.clients import payment
from services.order.clients.payment import PaymentStatus
from services.order.orders.placing_storage import Created, NewOrder, Placings
from services.payment.payments import take_payment
from services.payment.payments.domain import Attempt, Payment
from services.payment.refunds import advance_refund
from services.payment.refunds.domain import Refund, RefundAttempt
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.messaging.consumer import Consumer
from shared.messaging.inbox import Inbox
from shared.messaging.relay import Relay
from shared.messaging.transport import Delivery
from shared.wechat.pay import Refund as SaidRefund, Transaction
from tests.simulation.processes import current

Bug = Callable[[], AbstractContextManager[Any]]


@contextmanager
def claims_are_ignored() -> Iterator[None]:
    """Events are claimed, and applied again all the same (K2)."""
    claim = Inbox.claim

    async def ignore(self: Inbox, reaction: str, event_ids: Sequence[UUID]) -> set[UUID]:
        await claim(self, reaction, event_ids)
        return set(event_ids)

    with patch.object(Inbox, "claim", ignore):
        yield


@contextmanager
def sent_without_confirm() -> Iterator[None]:
    """The relay marks as sent what the broker did not confirm (K4)."""
    note = Relay._note

    async def note_all(self: Relay, sent: Sequence[int], unsent: Sequence[int], longest_pause: float) -> None:
        await note(self, [*sent, *unsent], [], longest_pause)

    with patch.object(Relay, "_note", note_all):
        yield


@contextmanager
def stock_released_by_clock() -> Iterator[None]:
    """Held stock is let go after a minute, whatever the order says (K10)."""
    reserve = stock.reserve_stock

    async def reserve_for_a_while(engine: Any, order_id: UUID, *, at: datetime, **more: Any) -> Any:
        async def release() -> None:
            await asyncio.sleep(60)
            async with begin(engine) as work:
                await stock.release_reservations(work, [order_id], at=at)

        current().spawn(release())
        return await reserve(engine, order_id, at=at, **more)

    with patch.object(stock_api, "reserve_stock", reserve_for_a_while):
        yield


@contextmanager
def refund_under_a_new_number() -> Iterator[None]:
    """A refund of unknown outcome is asked for again under another number (K9)."""
    ask = advance_refund._ask

    async def ask_anew(resources: PaymentResources, refund: Refund, attempt: RefundAttempt) -> SaidRefund:
        if attempt.calls == 0:
            return await ask(resources, refund, attempt)
        return await resources.answered(
            resources.wechat_pay.refund(
                f"{attempt.out_refund_no}-{attempt.calls + 1}",
                out_trade_no=refund.out_trade_no,
                refund_fen=refund.refund_fen,
                total_fen=refund.total_fen,
                notify_url=resources.refund_notify_url,
                reason=refund.reason,
            )
        )

    with patch.object(advance_refund, "_ask", ask_anew):
        yield


@contextmanager
def late_money_is_kept() -> Iterator[None]:
    """Money for a closed payment is taken like any other (P5)."""

    async def keep(
        work: UnitOfWork, payment: Payment, attempt: Attempt, said: Transaction, *, at: datetime, **_: Any
    ) -> None:
        assert said.transaction_id is not None
        paid_at = said.success_time or at
        await take_payment._succeed(work, payment, attempt, said.transaction_id, paid_at=paid_at, at=at)

    with patch.object(take_payment, "give_back", keep):
        yield


@contextmanager
def closed_without_asking() -> Iterator[None]:
    """An order is closed although its payment may yet succeed (K15)."""

    async def closed(*_: Any, **__: Any) -> PaymentStatus:
        return PaymentStatus.CLOSED

    with patch.object(payment, "stop_collecting", closed):
        yield


@contextmanager
def nobody_completes() -> Iterator[None]:
    """What was interrupted while it was created stays so (K9, K15)."""
    create = Placings.create

    async def unguarded(self: Placings, new: NewOrder, *, timer: str, due_at: datetime) -> Created:
        return await create(self, new, timer=timer, due_at=due_at + timedelta(days=1_000))

    with patch.object(Placings, "create", unguarded):
        yield


@contextmanager
def acknowledged_before_applied() -> Iterator[None]:
    """Events are acknowledged when they come, not when their effect is committed (K5)."""
    handle = Consumer.handle

    async def handle_later(self: Consumer, deliveries: Sequence[Delivery]) -> None:
        current().spawn(handle(self, deliveries))

    with patch.object(Consumer, "handle", handle_later):
        yield


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        claims_are_ignored,
        sent_without_confirm,
        stock_released_by_clock,
        refund_under_a_new_number,
        late_money_is_kept,
        closed_without_asking,
        nobody_completes,
        acknowledged_before_applied,
    )
}
