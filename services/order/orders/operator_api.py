"""Orders over HTTP for operators."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.order.orders.details import OperatorOrderDetailView, OperatorOrderView, operator_detail
from services.order.orders.domain import OrderStatus
from services.order.orders.queries import OrderFilter, all_orders, lines_of
from services.order.orders.views import told
from services.order.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Instant
from shared.http.callers import AnyOperator
from shared.http.paging import After, Limit, Page, page_of

router = service_router("/operator/orders", tags=["orders"])


@router.get("")
async def list_orders(
    caller: AnyOperator,
    resources: Own,
    status: OrderStatus | None = None,
    member_id: UUID | None = None,
    order_number: Annotated[str | None, Query(max_length=32)] = None,
    placed_from: Instant | None = None,
    placed_before: Instant | None = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[OperatorOrderView]:
    """Orders of all members, latest first."""
    wanted = OrderFilter(
        status=status,
        member_id=member_id,
        order_number=order_number,
        placed_from=placed_from,
        placed_before=placed_before,
    )
    async with reading(resources.engine) as connection:
        orders = await all_orders(connection, wanted, after=after, limit=limit + 1)
        lines = await lines_of(connection, orders)
    items = [OperatorOrderView(**told(order, lines[order.id]), member_id=order.member_id) for order in orders]
    return page_of(items, limit, place=lambda each: (each.placed_at, each.order_id))


@router.get("/{order_id}")
async def get_order(order_id: UUID, caller: AnyOperator, resources: Own) -> OperatorOrderDetailView:
    """One order in full."""
    async with reading(resources.engine) as connection:
        return await operator_detail(connection, resources.field_keys, order_id, roles=caller.roles)
