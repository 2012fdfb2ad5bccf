"""HTTP for searching, for suggestions while typing, and for what operators learn from it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.responses import Response

from services.catalog.answers import answer, encoded
from services.catalog.plain import PlainRoute, plain_number, plain_text
from services.catalog.products.views import ProductCard
from services.catalog.resources import CatalogResources, Own
from services.catalog.search.found import FoundPage
from services.catalog.search.hot import HOT_DAYS
from services.catalog.search.queries import own_queries, queries_without_result, ranked_cards
from services.catalog.search.usecases import engine, forget_history
from services.catalog.search.words import MAX_QUERY, normalised
from shared.clock import shop_day
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import AnyCaller, AnyOperator, Member
from shared.http.identity import Kind, Principal
from shared.http.paging import After, Limit, Page
from shared.http.work import Now, Work

router = service_router(tags=["search"])

SUGGESTIONS = 10

Words = Annotated[str, Query(max_length=200)]


class SearchPage(Page[ProductCard]):
    """A page of found products; not ``is_exact`` when nothing fits exactly and these only come close."""

    is_exact: bool


class Suggestion(View):
    """A word to search for: searched for before, a word of the shop, or what others search for."""

    term: str
    kind: Literal["history", "term", "hot"]


class SuggestionList(View):
    """At most ten suggestions, the likeliest first."""

    items: list[Suggestion]


class VainQuery(View):
    """What people searched for and did not find."""

    query: str
    searches: int
    last_searched_on: date


class VainQueryList(View):
    """The most wanted first."""

    items: list[VainQuery]


@router.get("/search", response_model=SearchPage)
async def search(
    caller: AnyCaller, resources: Own, now: Now, q: Words = "", after: After = None, limit: Limit = 20
) -> Response:
    """Products that fit the words, in Chinese, pinyin or with a slip of the finger (SE-01); at most 200."""

    # Once for all who search for the same within a moment; it is counted for each.
    async def find() -> FoundPage:
        async with reading(resources.engine) as connection:
            hits = await engine.find(connection, q)
            page = await ranked_cards(connection, hits, after=after, limit=limit)
        return FoundPage(encoded(page), results=len(hits.found) if hits.is_exact else 0)

    found, is_shared = await resources.found_pages.get((normalised(q)[:MAX_QUERY], after, limit), find)
    if after is None:
        member_id = caller.member_id if caller.kind is Kind.MEMBER else None
        resources.search_log.note(q, results=found.results, member_id=member_id, at=now)
    headers = {"cache-status": "catalog; hit"} if is_shared else None
    return Response(found.body, headers=headers, media_type="application/json")


async def _search_plainly(
    resources: CatalogResources, caller: Principal, values: Mapping[str, Any]
) -> Response:
    return await search(caller, resources, resources.clock.now(), **values)


plain_routes = (
    PlainRoute(
        "/search",
        _search_plainly,
        query={"q": plain_text(200), "after": plain_text(400), "limit": plain_number(1, 100)},
    ),
)


@router.get("/search/suggestions", response_model=SuggestionList)
async def suggest(caller: AnyCaller, resources: Own, now: Now, q: Words = "") -> Response:
    """What the words may become: one's own searches, then the shop's words; without words what others search (SE-02)."""
    beginning = normalised(q)
    async with reading(resources.engine) as connection:
        own = (
            await own_queries(connection, caller.member_id, beginning, limit=3)
            if caller.kind is Kind.MEMBER
            else []
        )
        if beginning:
            others, kind = await engine.suggest(connection, beginning, limit=SUGGESTIONS), "term"
        else:
            others, kind = await resources.hot_words.top(connection, at=now), "hot"
    suggestions = [{"term": term, "kind": "history"} for term in own]
    suggestions += [{"term": term, "kind": kind} for term in others if term not in own]
    return answer({"items": suggestions[:SUGGESTIONS]})


@router.delete("/search/history", status_code=204)
async def clear_history(caller: Member, work: Work) -> None:
    """Forget what the member searched for."""
    await forget_history(work.connection, caller.member_id)


@router.get("/operator/searches/without-result")
async def list_vain_queries(
    caller: AnyOperator, resources: Own, now: Now, limit: Limit = 50
) -> VainQueryList:
    """What people searched for in the last week without finding it (SE-02)."""
    async with reading(resources.engine) as connection:
        since = shop_day(now) - timedelta(days=HOT_DAYS)
        rows = await queries_without_result(connection, since=since, limit=limit)
    return VainQueryList(items=[VainQuery(**row) for row in rows])
