"""The catalog service's worker: reactions to orders, the search index, and imports."""

from services.catalog.imports.timers import timers as imports
from services.catalog.products.reactions import reactions as products
from services.catalog.resources import CatalogResources, open_resources
from services.catalog.search.log import old_searches
from services.catalog.search.timers import timers as search
from services.catalog.settings import Settings
from services.catalog.stock.reactions import reactions as stock
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker

REACTIONS = (stock, products)


def create_worker(resources: CatalogResources, transport: Transport) -> Worker:
    """Everything of the catalog service that happens without a request."""
    return Worker(
        resources,
        transport,
        reactions=REACTIONS,
        timers=[search, imports],
        forgets=[old_searches(resources.searches_kept)],
    )


def main() -> None:
    """Work until told to stop."""
    work("catalog", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
