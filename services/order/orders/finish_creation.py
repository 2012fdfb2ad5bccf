"""From CREATING to PENDING_PAY or CLOSED; the caller of place_order does it, or the completer after a crash (K9, K15)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.order.carts.storage import Carts
from services.order.orders.announce import order_closed, order_placed
from services.order.orders.domain import SYSTEM, Actor, BoughtLine, Order, OrderStatus
from services.order.orders.holds import hold, release
from services.order.orders.placing_storage import Placings
from services.order.orders.storage import ConcurrentChange, Orders
from services.order.resources import OURSELVES, OrderResources
from shared.database import UnitOfWork, begin, reading
from shared.http.identity import Principal
from shared.http.problems import Problem, UpstreamProblem
from shared.http.services import ServiceUnavailable

COMPLETE_CREATION = "complete-creation"
CLOSE_UNPAID = "close-unpaid"

REFUSED = "refused"
UNAVAILABLE = "unavailable"


class CartChanged(Problem):
    """The cart no longer holds what was to be bought from it: most likely another order was placed from it."""

    slug, title, status = "order/cart-changed", "Your cart has changed", 409


async def complete_creation(resources: OrderResources, order_id: UUID) -> None:
    """Finish or compensate an order whose placing was interrupted; refusals are kept for the member's next try."""
    async with reading(resources.engine) as connection:
        order = await Orders(connection).find(order_id)
        lines = await Orders(connection).lines(order_id)
    if order.status is not OrderStatus.CREATING:
        return
    try:
        await finish_creation(resources, order, lines, on_behalf_of=OURSELVES)
    except (UpstreamProblem, ServiceUnavailable):
        return  # the order is closed


async def finish_creation(
    resources: OrderResources, order: Order, lines: Sequence[BoughtLine], *, on_behalf_of: Principal
) -> Order:
    """Hold what the order needs and open it for payment.

    A refusal closes the order and is raised as UpstreamProblem; when a hold's outcome is unknown the order is closed too
    (later holds meet a tombstone), its key is free again, and ServiceUnavailable is raised.
    """
    try:
        refusal = await hold(resources, order, lines, on_behalf_of=on_behalf_of)
        if refusal is None:
            return await _open(resources, order, lines)
        document = refusal.members_of_cause
    except ServiceUnavailable:
        await _give_up(resources, order, reason=UNAVAILABLE, refusal=None)
        raise
    except CartChanged as changed:
        document = changed.document()
    await _give_up(resources, order, reason=REFUSED, refusal=document)
    await release(resources, order, on_behalf_of=on_behalf_of)
    raise UpstreamProblem(document["status"], document)


async def _open(resources: OrderResources, order: Order, lines: Sequence[BoughtLine]) -> Order:
    """Open the order for payment, unless somebody else did; raises CartChanged, ServiceUnavailable when it was closed."""
    async with begin(resources.engine) as work:
        orders, at = Orders(work.connection), resources.clock.now()
        try:
            order = await orders.move(
                order, OrderStatus.PENDING_PAY, by=Actor("member", order.member_id), at=at
            )
        except ConcurrentChange:
            order = await orders.find(order.id)
            if order.status is OrderStatus.CLOSED:
                raise ServiceUnavailable(
                    "The order was given up meanwhile.", headers={"retry-after": "1"}
                ) from None
            return order
        if order.from_cart:
            await _take_from_cart(work, order, lines)
        await work.outbox.add(order_placed(order, lines), at=at)
        await work.timers.replace(COMPLETE_CREATION, CLOSE_UNPAID, str(order.id), due_at=order.expires_at)
        return order


async def _take_from_cart(work: UnitOfWork, order: Order, lines: Sequence[BoughtLine]) -> None:
    """Empty the cart of what is bought from it; raises CartChanged."""
    bought = [line.sku_id for line in lines]
    if await Carts(work.connection).remove(order.member_id, bought) != len(bought):
        raise CartChanged()


async def _give_up(
    resources: OrderResources, order: Order, *, reason: str, refusal: dict[str, Any] | None
) -> None:
    """Close an order that is still being created; its refusal is kept, or its key let go when there is none (K8)."""
    async with begin(resources.engine) as work:
        orders, at = Orders(work.connection), resources.clock.now()
        order = await orders.lock(order.id)
        if order.status is not OrderStatus.CREATING:
            return
        order = await orders.move(order, OrderStatus.CLOSED, by=SYSTEM, at=at, reason=reason)
        if refusal is None:
            await Placings(work.connection).forget_key(order.id)
        else:
            await Placings(work.connection).refuse(order.id, refusal)
        await work.outbox.add(order_closed(order, reason=reason, at=at), at=at)
        await work.timers.cancel(COMPLETE_CREATION, str(order.id))
