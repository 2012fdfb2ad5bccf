"""Promising stock to orders, selling it, taking it back, counting it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.stock.domain import (
    COMMIT,
    RECEIVE,
    RELEASE,
    RESTOCK,
    TAKE_BACK,
    InsufficientStock,
    Move,
    ReservationCommitted,
    ReservationDiffers,
    ReservationReleased,
    ReservationState,
    Return,
)
from services.catalog.stock.hot import HotStock, Wanted
from services.catalog.stock.queries import StockLevel, stock_level
from services.catalog.stock.storage import MAX_ON_HAND, Stock, found_reservation, reserve
from shared.database import UnitOfWork, committing_each
from shared.http.problems import Invalid, NotFound
from shared.ids import new_id
from shared.messaging.reactions import TooEarly

HELD = ReservationState.HELD


async def reserve_stock(
    engine: AsyncEngine,
    order_id: UUID,
    *,
    member_id: UUID,
    quantities: Mapping[UUID, int],
    hot_stock: HotStock,
    at: datetime,
) -> ReservationState:
    """Hold stock for an order until the order says what became of it (K10); asking again changes nothing.

    A transaction of its own. Raises InsufficientStock with what is left of every short line, ReservationReleased,
    ReservationDiffers.
    """
    if len(quantities) == 1:
        ((sku_id, quantity),) = quantities.items()
        if await hot_stock.hold(sku_id, Wanted(order_id, member_id, quantity, at)):
            return HELD
    async with committing_each(engine) as connection:
        is_held, shortages = await reserve(connection, order_id, member_id, quantities, at=at)
        if is_held:
            return HELD
        earlier = await found_reservation(connection, order_id)
    if earlier is None:
        raise InsufficientStock(items=[asdict(shortage) for shortage in shortages])
    state, held = earlier
    if state is ReservationState.RELEASED:
        raise ReservationReleased()
    if held != quantities:
        raise ReservationDiffers()
    return state


async def commit_reservations(work: UnitOfWork, order_ids: Sequence[UUID], *, at: datetime) -> None:
    """Sell what paid orders hold; an order committed before stays as it is.

    Raises TooEarly for an order that holds nothing yet, ReservationReleased for one that gave its stock back.
    """
    states = await _end(work, order_ids, ReservationState.COMMITTED, COMMIT, at=at)
    if states.keys() != set(order_ids):
        raise TooEarly("a paid order has no reservation yet")
    if ReservationState.RELEASED in states.values():
        raise ReservationReleased("a paid order had given its stock back")


async def release_reservations(work: UnitOfWork, order_ids: Sequence[UUID], *, at: datetime) -> None:
    """Give back what orders hold, and see to it that they hold nothing later.

    Raises ReservationCommitted for an order whose stock is sold.
    """
    states = await _end(work, order_ids, ReservationState.RELEASED, RELEASE, at=at)
    while unknown := [order_id for order_id in order_ids if states.get(order_id, HELD) is HELD]:
        await Stock(work.connection).leave_tombstones(unknown, at=at)
        states |= await _end(work, unknown, ReservationState.RELEASED, RELEASE, at=at)
    if ReservationState.COMMITTED in states.values():
        raise ReservationCommitted()


async def _end(
    work: UnitOfWork, order_ids: Sequence[UUID], state: ReservationState, move: Move, *, at: datetime
) -> dict[UUID, ReservationState]:
    """Take orders out of ``held`` and move their stock; what became of each."""
    stock = Stock(work.connection)
    ended = await stock.end(order_ids, state, move, at=at)
    others = [order_id for order_id in order_ids if order_id not in ended]
    return dict.fromkeys(ended, state) | (await stock.states(others) if others else {})


async def restock_refund(
    work: UnitOfWork, order_id: UUID, refund_id: UUID, returns: Mapping[UUID, Return], *, at: datetime
) -> None:
    """Put refunded units back on the shelf, each refund once and never more than the order took.

    Raises TooEarly while the order's stock is not sold yet, ReservationReleased when it never was.
    """
    await _take_back(work, order_id, RESTOCK, refund_id, returns, at=at)


async def settle_exchange(
    work: UnitOfWork, after_sale_id: UUID, returns: Mapping[UUID, Return], *, at: datetime
) -> None:
    """Sell what is held for an exchange, and put what came back for it on the shelf, once.

    Both are counted on the exchange's own reservation: the order's units stay sold, so that they may be returned later.
    Raises TooEarly, ReservationReleased.
    """
    await commit_reservations(work, [after_sale_id], at=at)
    await _take_back(work, after_sale_id, TAKE_BACK, after_sale_id, returns, at=at)


async def _take_back(
    work: UnitOfWork,
    order_id: UUID,
    move: Move,
    source_id: UUID,
    returns: Mapping[UUID, Return],
    *,
    at: datetime,
) -> None:
    stock = Stock(work.connection)
    state = await stock.lock_reservation(order_id)
    if state is None or state is HELD:
        raise TooEarly("a refunded order's stock is not sold yet")
    if state is ReservationState.RELEASED:
        raise ReservationReleased("a refunded order had given its stock back")
    if await stock.has_moved(move, source_id):
        return
    restocked = {sku_id: each.restock_quantity for sku_id, each in returns.items()}
    if await stock.mark_restocked(order_id, restocked) != len(restocked):
        raise Invalid("the refund names a SKU that the order did not take")
    lines = [(source_id, sku_id, quantity) for sku_id, quantity in restocked.items()]
    await stock.move(move, lines, at=at, reasons=[each.note for each in returns.values()])


async def receive_stock(work: UnitOfWork, quantities: Mapping[UUID, int], *, at: datetime) -> None:
    """Begin to count new SKUs, with what is there to begin with."""
    if not quantities:
        return
    stock = Stock(work.connection)
    await stock.add_levels(list(quantities))
    await stock.move(RECEIVE, [(sku_id, sku_id, each) for sku_id, each in quantities.items() if each], at=at)


async def adjust_stock(
    work: UnitOfWork, sku_id: UUID, change: int, *, reason: str, at: datetime
) -> StockLevel:
    """Correct what is on hand; raises NotFound, InsufficientStock when more is promised than would be left."""
    stock = Stock(work.connection)
    adjusted = await stock.adjust(sku_id, change, source_id=new_id(), reason=reason, at=at)
    level = await stock_level(work.connection, sku_id)
    if level is None:
        raise NotFound()
    if not adjusted and change > 0:
        raise Invalid(f"At most {MAX_ON_HAND} units of a SKU can be on hand.")
    if not adjusted:
        raise InsufficientStock(items=[{"sku_id": sku_id, "wanted": -change, "available": level.available}])
    return level
