"""What the order service may ask: collect, stop collecting, and how it stands."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Query
from pydantic import Field

from services.payment.payments.ask_provider import ask_provider
from services.payment.payments.close_payment import close_payment
from services.payment.payments.collect_payment import Collected, collect_payment
from services.payment.payments.domain import AttemptStatus, Method, Payment, PaymentOrder, PaymentStatus
from services.payment.payments.refusals import Disputed
from services.payment.payments.storage import Payments
from services.payment.resources import Own, PaymentResources
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Fen, Id, Instant, View
from shared.http.callers import FromOrder
from shared.http.problems import NotFound
from shared.http.work import Now

router = service_router("/internal/payments", tags=["internal"])


class PaymentCreate(Body):
    """What is to be collected, and from whom (``payer_openid`` may be null when it is nothing)."""

    order_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z_]{6,28}$")]
    member_id: Id
    payer_openid: Annotated[str, Field(min_length=1, max_length=128)] | None
    amount_fen: Fen
    description: Annotated[str, Field(min_length=1, max_length=500)]
    expires_at: Instant


class PaymentView(View):
    """How collecting for an order stands; ``request_payment`` is what ``wx.requestPayment`` takes."""

    payment_id: UUID
    order_id: UUID
    status: str
    method: Method | None
    amount_fen: int
    transaction_id: str | None
    request_payment: dict[str, Any] | None = None

    @classmethod
    def of(cls, payment: Payment, *, request_payment: dict[str, Any] | None = None) -> Self:
        """The provider's ``transaction_id`` is told only where the provider was paid."""
        is_paid_by_provider = payment.method is Method.WECHAT_PAY
        return cls(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            status=payment.status,
            method=payment.method,
            amount_fen=payment.amount_fen,
            transaction_id=payment.transaction_id if is_paid_by_provider else None,
            request_payment=request_payment,
        )

    @classmethod
    def of_collected(cls, collected: Collected) -> Self:
        """With the client's parameters while the payment is to be made."""
        asked = collected.request_payment
        return cls.of(collected.payment, request_payment=None if asked is None else asdict(asked))


class ClosingView(View):
    """``closed``, ``succeeded`` when it was paid after all, or ``closing`` while a person must look at a dispute."""

    status: str


@router.put("/{order_id}")
async def collect(
    order_id: UUID, body: PaymentCreate, caller: FromOrder, resources: Own, now: Now
) -> PaymentView:
    """Collect an order's amount; the same call again goes on with the same attempt."""
    order = PaymentOrder(order_id=order_id, **body.model_dump())
    return PaymentView.of_collected(await collect_payment(resources, order, at=now))


@router.post("/{order_id}/close")
async def close(order_id: UUID, caller: FromOrder, resources: Own, now: Now) -> ClosingView:
    """Make sure that the order will not be paid, or learn that it was."""
    payment = await close_payment(resources, order_id, at=now)
    return ClosingView(status="closing" if payment.status is PaymentStatus.PAYING else payment.status)


@router.get("/{order_id}")
async def show(
    order_id: UUID, caller: FromOrder, resources: Own, now: Now, refresh: Annotated[bool, Query()] = False
) -> PaymentView:
    """How collecting stands; with ``refresh`` as WeChat Pay says it now."""
    payment = await _find(resources, order_id)
    if refresh:
        async with reading(resources.engine) as connection:
            attempts = await Payments(connection).attempts(payment.payment_id)
        for attempt in attempts:
            if attempt.status is not AttemptStatus.SUCCEEDED:
                await _ask(resources, attempt.out_trade_no, at=now)
        payment = await _find(resources, order_id)
    return PaymentView.of(payment)


async def _find(resources: PaymentResources, order_id: UUID) -> Payment:
    async with reading(resources.engine) as connection:
        payment = await Payments(connection).find(order_id)
    if payment is None:
        raise NotFound()
    return payment


async def _ask(resources: PaymentResources, out_trade_no: str, *, at: datetime) -> None:
    """A dispute changes nothing and has been reported: the payment is shown as it stands."""
    try:
        await ask_provider(resources, out_trade_no, at=at)
    except Disputed:
        return
