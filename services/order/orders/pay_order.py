"""Having an order paid: the payment service makes the prepayment and answers what the client needs (OR-01)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.order.clients import payment
from services.order.clients.payment import Payment
from services.order.orders.domain import BoughtLine, OrderStatus
from services.order.orders.storage import Orders
from services.order.resources import OrderResources
from shared.database import reading
from shared.http.identity import Principal
from shared.http.problems import Problem

DESCRIPTION_LENGTH = 40


class PaymentExpired(Problem):
    """The time to pay is over; the order is about to close."""

    slug, title, status = "order/payment-expired", "The time to pay is over", 409


class PayerUnknown(Problem):
    """Paying needs a login through WeChat."""

    slug, title, status = "order/payer-unknown", "Please log in through WeChat to pay", 409


async def pay_order(resources: OrderResources, caller: Principal, order_id: UUID, *, at: datetime) -> Payment:
    """Begin to pay, or go on.

    Raises NotFound, WrongStatus, PaymentExpired, PayerUnknown, UpstreamProblem, ServiceUnavailable. Money is never
    taken on the client's word: the order is paid when the payment service announces it.
    """
    async with reading(resources.engine) as connection:
        order = await Orders(connection).find_own(order_id, member_id=caller.member_id)
        lines = await Orders(connection).lines(order_id)
    order.require(OrderStatus.PENDING_PAY)
    if at >= order.expires_at:
        raise PaymentExpired()
    if caller.wechat_openid is None and order.payable_fen > 0:
        raise PayerUnknown()
    return await payment.collect(
        resources.services,
        order.id,
        order_number=order.order_number,
        member_id=order.member_id,
        payer_openid=caller.wechat_openid,
        amount_fen=order.payable_fen,
        description=describe(lines),
        expires_at=order.expires_at,
        on_behalf_of=caller,
    )


def describe(lines: Sequence[BoughtLine]) -> str:
    """What the buyer reads on WeChat's pay sheet."""
    name = lines[0].product_name[:DESCRIPTION_LENGTH]
    return name if len(lines) == 1 else f"{name} 等{len(lines)}种商品"
