"""Bugs of limited things: stock, coupons, keys."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chaos.bugs.registry import bug
from services.campaign.coupons.domain import MOVES, Coupon, CouponState, Step
from services.campaign.coupons.storage import Coupons
from services.catalog.stock import api as stock_api
from services.catalog.stock.domain import InsufficientStock, ReservationState
from services.catalog.stock.usecases import release_reservations, reserve_stock
from services.order.after_sales.domain import AfterSaleLine
from services.order.orders import api as orders_api
from services.order.orders.place_order import place_order
from shared.database import UnitOfWork, begin
from shared.http import idempotency
from shared.http.idempotency import IdempotencyKey, recall
from shared.http.problems import Problem
from shared.ids import new_id

A_MOMENT = 1.0
PATIENCE = timedelta(minutes=10)

_LEVEL = text("SELECT on_hand, reserved FROM stock_levels WHERE sku_id = :sku_id")
_RESERVED = text("UPDATE stock_levels SET reserved = :reserved WHERE sku_id = :sku_id")
_HOLD = text(
    "INSERT INTO reservations (order_id, member_id, state, held_at) VALUES (:order_id, :member_id, 'held', :at)"
)
_LINE = text(
    "INSERT INTO reservation_lines (order_id, sku_id, quantity) VALUES (:order_id, :sku_id, :quantity)"
)
_TOO_OLD = text("SELECT order_id FROM reservations WHERE state = 'held' AND held_at < :before")
_COUPON = text(
    "SELECT id, template_id, member_id, state, starts_at, expires_at FROM coupons"
    " WHERE id = :id AND member_id = :member_id"
)
_MOVE = text(
    "UPDATE coupons SET state = :state, order_id = :holder"
    " WHERE id = (SELECT coupon_id FROM coupon_locks WHERE order_id = :order_id)"
    " RETURNING id, template_id, member_id, state, starts_at, expires_at"
)


@bug(bites_in="a_rush", caught_by="nothing-is-oversold")
@contextmanager
def stock_read_then_written() -> Iterator[None]:
    """How much is left is read, looked at, and written back (K12)."""

    async def reserve(
        engine: AsyncEngine,
        order_id: UUID,
        *,
        member_id: UUID,
        quantities: Mapping[UUID, int],
        at: datetime,
        **_: Any,
    ) -> ReservationState:
        async with begin(engine) as work:
            connection = work.connection
            found = {
                sku_id: (await connection.execute(_LEVEL, {"sku_id": sku_id})).one() for sku_id in quantities
            }
            await asyncio.sleep(A_MOMENT)
            if any(
                found[sku_id].on_hand - found[sku_id].reserved < quantities[sku_id] for sku_id in quantities
            ):
                raise InsufficientStock(items=[])
            order = {"order_id": order_id}
            await connection.execute(_HOLD, order | {"member_id": member_id, "at": at})
            for sku_id, quantity in quantities.items():
                line = {"sku_id": sku_id, "quantity": quantity}
                await connection.execute(_LINE, order | line)
                reserved = found[sku_id].reserved + quantity
                await connection.execute(_RESERVED, {"sku_id": sku_id, "reserved": reserved})
        return ReservationState.HELD

    with patch.object(stock_api, "reserve_stock", reserve):
        yield


@bug(bites_in="a_slow_payer", caught_by="nothing-is-oversold")
@contextmanager
def stock_released_by_the_clock() -> Iterator[None]:
    """Holds of ten minutes are given to the next one, whatever their orders are doing (K10)."""

    async def reserve(engine: AsyncEngine, order_id: UUID, *, at: datetime, **more: Any) -> ReservationState:
        async with begin(engine) as work:
            too_old = (await work.connection.execute(_TOO_OLD, {"before": at - PATIENCE})).scalars()
            await release_reservations(work, too_old, at=at)
        return await reserve_stock(engine, order_id, at=at, **more)

    with patch.object(stock_api, "reserve_stock", reserve):
        yield


@bug(bites_in="two_orders_want_one_coupon", caught_by="a-coupon-is-used-once")
@contextmanager
def coupon_read_then_locked() -> Iterator[None]:
    """Whether a coupon is free is read, looked at, and then written over (P7)."""

    async def look(self: Coupons, coupon_id: UUID, member_id: UUID) -> Coupon | None:
        found = await self._connection.execute(_COUPON, {"id": coupon_id, "member_id": member_id})
        row = found.one_or_none()
        await asyncio.sleep(A_MOMENT)
        return None if row is None else _coupon(row)

    async def write(
        self: Coupons, order_ids: Collection[UUID], step: Step, *, at: datetime
    ) -> dict[UUID, Coupon]:
        state = MOVES[step][1]
        moved = {}
        for order_id in order_ids:
            holder = order_id if state in (CouponState.LOCKED, CouponState.USED) else None
            values = {"order_id": order_id, "state": state, "holder": holder}
            moved[order_id] = _coupon((await self._connection.execute(_MOVE, values)).one())
        return moved

    with patch.object(Coupons, "lock", look), patch.object(Coupons, "move", write):
        yield


@bug(bites_in="an_answer_is_lost", caught_by="nobody-gets-an-order-unasked")
@contextmanager
def idempotency_key_ignored() -> Iterator[None]:
    """A repeated wish is a new wish (P2)."""

    async def place(resources: Any, caller: Any, placing: Any, key: IdempotencyKey, *, at: datetime) -> Any:
        return await place_order(resources, caller, placing, replace(key, key=str(new_id())), at=at)

    with patch.object(orders_api, "place_order", place):
        yield


@bug(bites_in="a_return_is_damaged", caught_by="returned-units-go-where-inspection-says")
@contextmanager
def whatever_returns_is_sold_again() -> Iterator[None]:
    """Damaged goods go back on the shelf with the sound ones."""

    def all_of_them(self: AfterSaleLine) -> int:
        return self.quantity

    with patch.object(AfterSaleLine, "restock_quantity", property(all_of_them)):
        yield


@bug(bites_in="asked_three_times_at_once", caught_by="one-key-has-one-answer")
@contextmanager
def repeat_refused() -> Iterator[None]:
    """A key that was used is told that it was used, instead of what came of it (P2)."""

    class AlreadyDone(Problem):
        slug, title, status = "already-done", "This was done already", 409

    async def refuse(work: UnitOfWork, key: IdempotencyKey) -> None:
        if await recall(work, key) is not None:
            raise AlreadyDone()

    with patch.object(idempotency, "recall", refuse):
        yield


def _coupon(row: Any) -> Coupon:
    return Coupon(**(dict(row) | {"state": CouponState(row.state)}))
