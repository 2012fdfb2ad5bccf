"""The catalog's HTTP process."""

from fastapi import FastAPI

from services.catalog.categories import api as categories
from services.catalog.imports import api as imports
from services.catalog.media import api as media
from services.catalog.policies import api as policies
from services.catalog.products import api as products, operator_api as product_operators
from services.catalog.resources import CatalogResources, open_resources
from services.catalog.search import api as search
from services.catalog.settings import Settings
from services.catalog.stock import api as stock
from services.catalog.storefront import api as storefront
from shared.http.app import create_service_app
from shared.process import serve


def create_app(resources: CatalogResources) -> FastAPI:
    """The catalog's app; the routes that shoppers and checkout wait for come first."""
    return create_service_app(
        resources,
        products.public,
        search.public,
        storefront.public,
        media.public,
        products.internal,
        stock.internal,
        categories.public,
        categories.operator,
        policies.operator,
        product_operators.operator,
        stock.operator,
        search.operator,
        imports.operator,
        storefront.operator,
        media.operator,
        title="Catalog",
    )


def main() -> None:
    """Serve until told to stop."""
    serve("catalog", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
