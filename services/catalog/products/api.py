"""HTTP for shoppers and for the order service: lists, details, lookup."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from services.catalog.answers import answer
from services.catalog.plain import PlainRoute, plain_id, plain_number, plain_text
from services.catalog.products.queries import Sort, list_products, look_up_skus, product_detail
from services.catalog.products.views import FoundSkus, ProductCard, ProductDetail
from services.catalog.resources import CatalogResources, Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id
from shared.http.callers import FromOrder
from shared.http.identity import Principal
from shared.http.paging import After, Limit, Page
from shared.http.problems import NotFound

router = service_router(tags=["products"])


class SkuLookup(Body):
    """The SKUs to look up."""

    sku_ids: Annotated[list[Id], Field(max_length=200)]


@router.get("/products", response_model=Page[ProductCard])
async def browse_products(
    resources: Own,
    category_id: UUID | None = None,
    sort: Sort = Sort.NEWEST,
    after: After = None,
    limit: Limit = 20,
) -> Response:
    """Products on sale, of a category and everything below it, in one statement."""
    async with reading(resources.engine) as connection:
        return answer(
            await list_products(connection, category_id=category_id, sort=sort, after=after, limit=limit)
        )


@router.get("/products/{product_id}", response_model=ProductDetail)
async def show_product(product_id: UUID, resources: Own) -> Response:
    """Everything a shopper sees before buying: options, SKUs with stock, media, after-sale policy (PD-03, PD-12)."""
    async with reading(resources.engine) as connection:
        document = await product_detail(connection, product_id)
    if document is None:
        raise NotFound()
    return answer(document)


async def _browse_plainly(resources: CatalogResources, _: Principal, values: Mapping[str, Any]) -> Response:
    return await browse_products(resources, **values)


async def _show_plainly(resources: CatalogResources, _: Principal, values: Mapping[str, Any]) -> Response:
    return await show_product(resources=resources, **values)


plain_routes = (
    PlainRoute(
        "/products",
        _browse_plainly,
        query={
            "category_id": plain_id,
            "sort": Sort,
            "after": plain_text(400),
            "limit": plain_number(1, 100),
        },
    ),
    PlainRoute("/products/", _show_plainly, query={}, last="product_id"),
)


@router.post("/internal/skus/lookup", response_model=FoundSkus)
async def find_skus(body: SkuLookup, caller: FromOrder, resources: Own) -> Response:
    """Name, price, stock, categories and policy of SKUs, for carts and checkout; unknown ids are left out."""
    async with reading(resources.engine) as connection:
        return answer(await look_up_skus(connection, body.sku_ids))
