"""The catalog's worker process: reactions, relay, timers."""

from services.catalog.imports.timers import timers as import_timers
from services.catalog.products.reactions import reactions as product_reactions
from services.catalog.resources import CatalogResources, open_resources
from services.catalog.search.timers import timers as search_timers
from services.catalog.settings import Settings
from services.catalog.stock.reactions import reactions as stock_reactions
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker


def create_worker(resources: CatalogResources, transport: Transport) -> Worker:
    """Everything the catalog does without a request."""
    return Worker(
        resources,
        transport,
        reactions=[stock_reactions, product_reactions],
        timers=[search_timers, import_timers],
    )


def main() -> None:
    """Work until told to stop."""
    work("catalog", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
