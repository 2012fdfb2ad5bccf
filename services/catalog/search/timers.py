"""What the clock does for the search index."""

from datetime import datetime
from uuid import UUID

from services.catalog.search.usecases import REINDEX, index_products, products_below
from shared.database import begin
from shared.resources import Resources
from shared.timers.loop import Timer, Timers

BATCH = 500

timers = Timers[Resources]()


@timers.on(REINDEX)
async def reindex_category(resources: Resources, timer: Timer) -> datetime | None:
    """Index the products in and below a category anew, because its name or place changed."""
    after = UUID(int=0)
    while True:
        async with begin(resources.engine) as work:
            product_ids = await products_below(work.connection, UUID(timer.key), after=after, limit=BATCH)
            if not product_ids:
                return None
            await index_products(work.connection, product_ids)
        after = product_ids[-1]
