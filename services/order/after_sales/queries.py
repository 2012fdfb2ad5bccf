"""Reading requests: a page, its lines and its refunds in three statements."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.order.after_sales.domain import (
    DECIDED,
    AfterSale,
    AfterSaleKind,
    AfterSaleLine,
    AfterSaleStatus,
)
from services.order.after_sales.storage import COLUMNS, AfterSales, to_after_sale
from services.order.orders.storage import Orders
from services.order.pricing import RefundQuote, load_quote
from services.order.refunds.domain import RefundStatus, amounts
from shared.connection import Connection

_PAGE = text(
    f"SELECT {COLUMNS} FROM after_sales JOIN orders ON orders.id = after_sales.order_id"
    " WHERE (CAST(:status AS text) IS NULL OR after_sales.status = :status)"
    " AND (CAST(:kind AS text) IS NULL OR kind = :kind)"
    " AND (CAST(:order_id AS uuid) IS NULL OR after_sales.order_id = :order_id)"
    " AND (CAST(:member_id AS uuid) IS NULL OR after_sales.member_id = :member_id)"
    " AND after_sales.id < :before ORDER BY after_sales.id DESC LIMIT :limit"
)
_REFUNDS = text(
    "SELECT id, refund_number, status, freight_fen, refund_fen, points_returned, refunded_at FROM refunds"
    " WHERE id = ANY(:ids)"
)
_TIMELINE = text(
    "SELECT version, status, at, reason, actor_kind, actor_id FROM after_sale_history"
    " WHERE after_sale_id = :id ORDER BY version"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSaleFilter:
    """Which requests somebody looks for; None asks for all."""

    status: AfterSaleStatus | None = None
    kind: AfterSaleKind | None = None
    order_id: UUID | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The refund of a request."""

    refund_id: UUID
    refund_number: str
    status: RefundStatus
    freight_fen: int
    refund_fen: int
    points_returned: int
    refunded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a request's history."""

    version: int
    status: AfterSaleStatus
    at: datetime
    reason: str | None
    actor_kind: str
    actor_id: UUID | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A request with what it is about and what was given back for it."""

    after_sale: AfterSale
    lines: Sequence[AfterSaleLine]
    refund: GivenBack | None


async def page_of_after_sales(
    connection: Connection, wanted: AfterSaleFilter, *, before: UUID, limit: int
) -> list[Whole]:
    """The requests somebody looks for, latest first."""
    asked = asdict(wanted) | {"before": before, "limit": limit}
    rows = await connection.execute(_PAGE, asked)
    return await _whole(connection, [to_after_sale(row) for row in rows])


async def whole(connection: Connection, after_sale: AfterSale) -> Whole:
    """A request with its lines and its refund."""
    return (await _whole(connection, [after_sale]))[0]


async def expected_refund(connection: Connection, found: Whole) -> RefundQuote | None:
    """What an undecided request would bring back now; None for an exchange, and once it is decided."""
    after_sale = found.after_sale
    if after_sale.kind is AfterSaleKind.EXCHANGE or after_sale.status in DECIDED:
        return None
    orders = Orders(connection)
    lines = await orders.lines(after_sale.order_id)
    return amounts(
        load_quote(await orders.quote(after_sale.order_id)),
        [replace(line, claimed_quantity=0) for line in lines],
        {line.order_line_id: line.quantity for line in found.lines},
        with_freight=not any(line.shipped_quantity for line in lines),
    )


async def timeline(connection: Connection, after_sale_id: UUID) -> list[Step]:
    """The request's history."""
    return [Step(*row) for row in await connection.execute(_TIMELINE, {"id": after_sale_id})]


async def _whole(connection: Connection, after_sales: Sequence[AfterSale]) -> list[Whole]:
    lines = await AfterSales(connection).lines_of([each.id for each in after_sales])
    refunds = await _refunds(connection, [each.refund_id for each in after_sales if each.refund_id])
    return [
        Whole(each, lines[each.id], refunds[each.refund_id] if each.refund_id else None)
        for each in after_sales
    ]


async def _refunds(connection: Connection, refund_ids: Sequence[UUID]) -> Mapping[UUID, GivenBack]:
    if not refund_ids:
        return {}
    rows = await connection.execute(_REFUNDS, {"ids": list(refund_ids)})
    return {row.id: GivenBack(*row) for row in rows}
