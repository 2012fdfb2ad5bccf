"""HTTP for the category tree."""

from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from services.catalog.answers import cacheable_answer
from services.catalog.categories.storage import Categories
from services.catalog.categories.usecases import add_category, change_category, remove_category
from services.catalog.categories.views import CategoryList, CategoryTree, CategoryView, tree_of
from services.catalog.fields import Code, PictureUrl
from services.catalog.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Id, Text
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router(tags=["categories"])

Sort = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


class CategoryCreate(Body):
    """A new category; without a parent it stands at the top."""

    name: Text
    parent_id: Id | None = None
    icon_url: PictureUrl | None = None
    is_tab: bool = False
    sort: Sort = 0
    after_sale_policy_key: Code | None = None


class CategoryChange(Body):
    """What is to change about a category; a new ``parent_id`` moves it with everything below it."""

    name: Text = ""
    parent_id: Id | None = None
    icon_url: PictureUrl | None = None
    is_tab: bool = False
    sort: Sort = 0
    after_sale_policy_key: Code | None = None


@router.get("/categories", response_model=CategoryTree)
async def browse_categories(request: Request, resources: Own) -> Response:
    """The category tree, at most three deep (PD-02)."""
    async with reading(resources.engine) as connection:
        categories = await Categories(connection).all()
    return cacheable_answer(request, tree_of(categories), max_age_seconds=10)


@router.get("/operator/categories")
async def list_categories(caller: AnyOperator, resources: Own) -> CategoryList:
    """Every category with its settings, parents first."""
    async with reading(resources.engine) as connection:
        return CategoryList(items=[CategoryView.of(each) for each in await Categories(connection).all()])


@router.post("/operator/categories", status_code=201)
async def create_category(body: CategoryCreate, caller: Editor, work: Work, now: Now) -> CategoryView:
    """Add a category."""
    category = await add_category(
        work,
        name=body.name,
        parent_id=body.parent_id,
        details=body.model_dump(exclude={"name", "parent_id"}),
        at=now,
    )
    view = CategoryView.of(category)
    await work.audit_log.record("category.create", f"category/{category.id}", by=caller, at=now, after=view)
    return view


@router.patch("/operator/categories/{category_id}")
async def update_category(
    category_id: UUID, body: CategoryChange, caller: Editor, work: Work, now: Now
) -> CategoryView:
    """Change the given fields of a category."""
    before, after = await change_category(work, category_id, body.model_dump(exclude_unset=True), at=now)
    view = CategoryView.of(after)
    await work.audit_log.record(
        "category.change",
        f"category/{category_id}",
        by=caller,
        at=now,
        before=CategoryView.of(before),
        after=view,
    )
    return view


@router.delete("/operator/categories/{category_id}", status_code=204)
async def delete_category(category_id: UUID, caller: Editor, work: Work, now: Now) -> None:
    """Remove an empty category."""
    before = CategoryView.of(await remove_category(work, category_id))
    await work.audit_log.record(
        "category.delete",
        f"category/{category_id}",
        by=caller,
        at=now,
        before=before,
    )
