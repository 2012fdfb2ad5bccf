"""What happens to stock when an order ends well, badly, or is refunded."""

from collections.abc import Sequence
from uuid import UUID

from services.catalog.stock.domain import Return
from services.catalog.stock.usecases import (
    commit_reservations,
    release_reservations,
    restock_refund,
    settle_exchange as settle,
)
from shared.database import UnitOfWork
from shared.events import (
    AfterSaleChanged,
    OrderClosed,
    OrderPaid,
    OrderRefunded,
    RefundedLine,
    ReplacedLine,
    ReplacementShipped,
)
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("catalog")


@reactions.on_batch(OrderPaid)
async def commit_reservation(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Sell what the paid orders hold."""
    await commit_reservations(work, [each.event.order_id for each in received], at=received[0].at)


@reactions.on_batch(OrderClosed)
async def release_reservation(work: UnitOfWork, received: Sequence[Received[OrderClosed]]) -> None:
    """Give back what the closed orders hold."""
    await release_reservations(work, [each.event.order_id for each in received], at=received[0].at)


@reactions.on(OrderRefunded)
async def restock_refunded(work: UnitOfWork, received: Received[OrderRefunded]) -> None:
    """Put refunded units back on the shelf."""
    event = received.event
    await restock_refund(work, event.order_id, event.refund_id, _returns(event.lines), at=received.at)


@reactions.on(ReplacementShipped)
async def settle_exchange(work: UnitOfWork, received: Received[ReplacementShipped]) -> None:
    """Sell what an exchange holds, and put what came back for it on the shelf."""
    event = received.event
    await settle(work, event.after_sale_id, _returns(event.lines), at=received.at)


@reactions.on(AfterSaleChanged)
async def release_replacement(work: UnitOfWork, received: Received[AfterSaleChanged]) -> None:
    """Give back what an exchange holds that became a refund."""
    event = received.event
    if event.kind == "exchange" and event.status == "refunding":
        await release_reservations(work, [event.after_sale_id], at=received.at)


def _returns(lines: Sequence[RefundedLine] | Sequence[ReplacedLine]) -> dict[UUID, Return]:
    returns: dict[UUID, Return] = {}
    for line in lines:
        back = Return(line.quantity, line.restock_quantity)
        returns[line.sku_id] = returns.get(line.sku_id, Return(0, 0)) + back
    return returns
