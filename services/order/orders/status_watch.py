"""Clients that wait for their payment to arrive: one statement looks for all of them, over and over."""

import asyncio
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.order.orders.domain import UNPAID, OrderStatus
from shared.database import reading

LOOK_SECONDS = 0.01
"""Between two looks, while anybody waits: a hundred small statements a second at most, however many wait."""

_NO_LONGER_UNPAID = text(
    "SELECT id, status FROM orders WHERE id = ANY(:order_ids) AND status <> ALL(:unpaid)"
)

Told = asyncio.Future[OrderStatus]


class StatusWatch:
    """Tells those who wait when their orders are no longer unpaid."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: dict[UUID, set[Told]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def paid_or_closed(self, order_id: UUID, *, seconds: float) -> OrderStatus | None:
        """The order's status as soon as it is no longer an unpaid one; None when it still is after so many seconds."""
        told: Told = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(order_id, set()).add(told)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait((told,), timeout=seconds)
            return told.result() if told.done() else None
        finally:
            others = self._waiting[order_id]
            others.remove(told)
            if not others:
                del self._waiting[order_id]

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                found = await self._find()
            except Exception as error:
                self._fail(error)
            else:
                for order_id, status in found.items():
                    for told in self._waiting.get(order_id, ()):
                        if not told.done():
                            told.set_result(status)

    async def _find(self) -> dict[UUID, OrderStatus]:
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                _NO_LONGER_UNPAID, {"order_ids": list(self._waiting), "unpaid": list(UNPAID)}
            )
        return {row.id: OrderStatus(row.status) for row in rows}

    def _fail(self, error: Exception) -> None:
        for tolds in self._waiting.values():
            for told in tolds:
                if not told.done():
                    told.set_exception(error)
