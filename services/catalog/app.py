"""The catalog service's HTTP process."""

from fastapi import FastAPI

from services.catalog.categories.api import router as categories
from services.catalog.imports.api import router as imports
from services.catalog.media.api import router as media
from services.catalog.policies.api import router as policies
from services.catalog.products.api import plain_routes as plain_products, router as products
from services.catalog.products.operator_api import router as operator_products
from services.catalog.resources import CatalogResources, open_resources
from services.catalog.search.api import plain_routes as plain_searches, router as search
from services.catalog.settings import Settings
from services.catalog.stock.api import router as stock
from services.catalog.storefront.api import router as storefront
from shared.http.app import create_service_app
from shared.process import serve


def create_app(resources: CatalogResources) -> FastAPI:
    """The catalog service's routes; those that shoppers and checkout wait for come first."""
    app = create_service_app(
        resources,
        products,
        stock,
        search,
        storefront,
        media,
        categories,
        policies,
        operator_products,
        imports,
        title="Jishi catalog",
    )
    app.router.routes[:0] = [*plain_products, *plain_searches]
    return app


def main() -> None:
    """Serve until told to stop."""
    serve("catalog", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
