"""HTTP for the home page."""

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from services.catalog.answers import cacheable_answer
from services.catalog.products.views import ProductCard
from services.catalog.resources import Own
from services.catalog.storefront.layout import Layout
from services.catalog.storefront.queries import home_page
from services.catalog.storefront.storage import save_layout, saved_layout
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router(tags=["storefront"])


class TargetView(View):
    """Where a tap leads."""

    kind: str
    value: str


class BannerView(View):
    """A wide picture at the top."""

    image_url: str
    alt: str
    target: TargetView


class EntryView(View):
    """A shortcut with an icon."""

    name: str
    icon_url: str
    target: TargetView


class FeaturedCategory(View):
    """A category with its best-selling products."""

    category_id: UUID
    name: str
    icon_url: str | None
    products: list[ProductCard]


class Storefront(View):
    """Everything the home page shows."""

    banners: list[BannerView]
    entries: list[EntryView]
    featured_categories: list[FeaturedCategory]
    hot_words: list[str]


class LayoutView(View):
    """The layout as operators arranged it."""

    banners: list[BannerView]
    entries: list[EntryView]
    featured_category_ids: list[UUID]
    hot_words: list[str]


@router.get("/storefront", response_model=Storefront)
async def show_storefront(request: Request, resources: Own, now: Now) -> Response:
    """The whole home page in one answer (LG-06)."""
    async with reading(resources.engine) as connection:
        hot_words = await resources.hot_words.top(connection, at=now)
        document = await home_page(connection, hot_words=hot_words)
    return cacheable_answer(request, document, max_age_seconds=10)


@router.get("/operator/storefront")
async def show_layout(caller: AnyOperator, resources: Own) -> LayoutView:
    """The layout of the home page."""
    async with reading(resources.engine) as connection:
        return LayoutView.model_validate(await saved_layout(connection))


@router.put("/operator/storefront")
async def put_layout(body: Layout, caller: Editor, work: Work, now: Now) -> LayoutView:
    """Arrange the home page anew."""
    before = await saved_layout(work.connection)
    document = body.model_dump(mode="json")
    await save_layout(work.connection, document, at=now)
    await work.audit_log.record(
        "storefront.save", "storefront", by=caller, at=now, before=before, after=document
    )
    return LayoutView.model_validate(document)
