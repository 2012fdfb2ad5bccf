"""HTTP for stock: reservations for the order service, counts for operators."""

from typing import Annotated
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from services.catalog.resources import Own
from services.catalog.stock.domain import ReservationState
from services.catalog.stock.queries import StockLevel, StockMovement, stock_level, stock_movements
from services.catalog.stock.usecases import adjust_stock, release_reservations, reserve_stock
from shared.database import UnitOfWork, reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Quantity, Text, View
from shared.http.callers import AnyOperator, Editor, FromOrder
from shared.http.idempotency import Idempotent, once
from shared.http.paging import After, Limit, Page
from shared.http.problems import Invalid, NotFound
from shared.http.work import Now, Work

router = service_router(tags=["stock"])


class ReservationLine(Body):
    """So many of a SKU."""

    sku_id: Id
    quantity: Quantity


class ReservationCreate(Body):
    """What an order needs; each SKU once."""

    member_id: Id
    lines: Annotated[list[ReservationLine], Field(min_length=1, max_length=200)]


class ReservationView(View):
    """What became of an order's stock."""

    order_id: UUID
    state: ReservationState


class StockAdjustment(Body):
    """A correction of what is on hand, with its reason."""

    change: Annotated[int, Field(ge=-10_000_000, le=10_000_000)]
    reason: Text


@router.put("/internal/reservations/{order_id}")
async def reserve(
    order_id: UUID, body: ReservationCreate, caller: FromOrder, resources: Own, now: Now
) -> ReservationView:
    """Hold stock for an order, all lines or none; repeating it changes nothing."""
    quantities = {line.sku_id: line.quantity for line in body.lines}
    if len(quantities) != len(body.lines):
        raise Invalid("A SKU is named twice.")
    state = await reserve_stock(
        resources.engine,
        order_id,
        member_id=body.member_id,
        quantities=quantities,
        hot_stock=resources.hot_stock,
        at=now,
    )
    return ReservationView(order_id=order_id, state=state)


@router.post("/internal/reservations/{order_id}/release")
async def release(order_id: UUID, caller: FromOrder, work: Work, now: Now) -> ReservationView:
    """Give back what an order holds, for good."""
    await release_reservations(work, [order_id], at=now)
    return ReservationView(order_id=order_id, state=ReservationState.RELEASED)


@router.get("/operator/skus/{sku_id}/stock")
async def show_stock(sku_id: UUID, caller: AnyOperator, resources: Own) -> StockLevel:
    """How much of a SKU there is."""
    async with reading(resources.engine) as connection:
        if (level := await stock_level(connection, sku_id)) is None:
            raise NotFound()
    return level


@router.get("/operator/skus/{sku_id}/stock-movements")
async def list_movements(
    sku_id: UUID, caller: AnyOperator, resources: Own, after: After = None, limit: Limit = 20
) -> Page[StockMovement]:
    """The ledger of a SKU, newest first."""
    async with reading(resources.engine) as connection:
        return await stock_movements(connection, sku_id, after=after, limit=limit)


@router.post("/operator/skus/{sku_id}/stock-adjustments", status_code=201, response_model=StockLevel)
async def adjust(
    sku_id: UUID, body: StockAdjustment, caller: Editor, resources: Own, key: Idempotent, now: Now
) -> Response:
    """Add to or take from what is on hand, never below what is promised to orders."""

    async def do(work: UnitOfWork) -> StockLevel:
        level = await adjust_stock(work, sku_id, body.change, reason=body.reason, at=now)
        await work.audit_log.record("stock.adjust", f"sku/{sku_id}", by=caller, at=now, after=body)
        return level

    return await once(resources.engine, key, do)
