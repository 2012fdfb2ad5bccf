"""What products learn from orders."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from services.catalog.products.storage import Products
from services.catalog.search.usecases import engine as search
from shared.database import UnitOfWork
from shared.events import OrderPaid
from shared.messaging.reactions import Reactions, Received

reactions = Reactions("catalog")


async def forget_sales(work: UnitOfWork) -> None:
    """Nothing was ever sold, as far as lists and search results are concerned."""
    await search.rank_by_sales(work.connection, await Products(work.connection).forget_sales())


@reactions.on_batch(OrderPaid, forget=forget_sales)
async def count_sales(work: UnitOfWork, received: Sequence[Received[OrderPaid]]) -> None:
    """Count the units sold of each product, by which lists and search results are ordered."""
    sold: Counter[UUID] = Counter()
    for each in received:
        for line in each.event.lines:
            sold[line.product_id] += line.quantity
    await Products(work.connection).count_sales(sold)
    await search.rank_by_sales(work.connection, list(sold))
