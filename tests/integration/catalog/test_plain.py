"""The plain routes past FastAPI answer as FastAPI's own, and leave it whatever is not plain."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings, strategies as st

from services.catalog import fresh
from services.catalog.plain import PlainRoute
from shared.ids import new_id
from tests.integration.catalog.goods import Catalog


@pytest.fixture(autouse=True)
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search comes later than the moment for which what was found is fresh."""
    monkeypatch.setattr(fresh, "FRESH_SECONDS", 0.0)


def app_of(catalog: Catalog) -> FastAPI:
    app = catalog.shop.platform.apps["catalog"]
    assert isinstance(app, FastAPI)
    return app


@contextmanager
def without_plain_routes(app: FastAPI) -> Iterator[None]:
    before = list(app.router.routes)
    app.router.routes[:] = [route for route in before if not isinstance(route, PlainRoute)]
    try:
        yield
    finally:
        app.router.routes[:] = before


def is_plain(app: FastAPI, target: str) -> bool:
    path, _, query = target.partition("?")
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    return any(route.matches(scope)[0].value for route in app.router.routes if isinstance(route, PlainRoute))


async def both(catalog: Catalog, target: str) -> list[tuple[int, str | None, bytes]]:
    """What the app answers, and what it answers without its plain routes."""
    answers = [await catalog.get(target)]
    with without_plain_routes(app_of(catalog)):
        answers.append(await catalog.get(target))
    return [(each.status_code, each.headers.get("content-type"), each.content) for each in answers]


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("/products", True),
        ("/products?category_id={category}&sort=sales&limit=3", True),
        ("/products?category_id=0190aaaa-0000-7000-8000-000000000000", True),
        ("/products?after=nonsense", True),
        ("/products/{product}", True),
        ("/products/0190aaaa-0000-7000-8000-000000000000", True),
        (f"/search?q={quote('杯')}&limit=2", True),
        ("/search?q=", True),
        ("/search?q=a+b%20c", True),
        ("/search", True),
        ("/products?limit=0", False),
        ("/products?limit=101", False),
        ("/products?limit=ten", False),
        ("/products?limit=%EF%BC%91", False),
        ("/products?limit=1&limit=2", False),
        ("/products?unknown=1", False),
        ("/products?sort=best", False),
        ("/products?category_id=1", False),
        ("/products?category_id={category_in_braces}", False),
        ("/products?category_id=", False),
        ("/products?limit", False),
        ("/products/{product}/x", False),
        ("/products/{product_without_dashes}", False),
        ("/products/x", False),
        ("/products/", False),
        ("/search?q=%ff", False),
        ("/search?q=" + "x" * 201, False),
        ("/search?after=" + "x" * 401, False),
        ("/searches", False),
    ],
)
async def test_a_plain_route_answers_as_fastapi_would(catalog: Catalog, target: str, plain: bool) -> None:
    product = await catalog.product()
    category, id = str(product["category_id"]), str(product["product_id"])
    target = target.format(
        category=category,
        category_in_braces="%7B" + category + "%7D",
        product=id,
        product_without_dashes=id.replace("-", ""),
    )
    assert is_plain(app_of(catalog), target) == plain
    ours, theirs = await both(catalog, target)
    assert ours == theirs


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(["/products", "/search", f"/products/{new_id()}", "/products/"]),
    query=st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from(["q", "after", "limit", "sort", "category_id", "x"]),
                st.one_of(
                    st.sampled_from(["", "1", "20", "100", "101", "-1", " 1", "1.0", "newest", "price", str(new_id())]),
                    st.text(max_size=12).map(lambda text: quote(text.encode("utf-8", "replace"))),
                ),
            ).map("=".join),
            st.sampled_from(["&", "q", "=", "limit=%31", "q=%00", "%71=tea", "q=a;limit=2"]),
        ),
        max_size=4,
    ).map("&".join),
)  # fmt: skip
async def test_any_query_is_answered_the_same(catalog: Catalog, path: str, query: str) -> None:
    ours, theirs = await both(catalog, f"{path}?{query}")
    assert ours == theirs


async def test_plain_routes_want_an_identity_and_a_get_as_the_others_do(catalog: Catalog) -> None:
    anybody = catalog.shop.as_anonymous()
    for path in ("/products", "/search?q=x", f"/products/{new_id()}"):
        refused = await anybody.request("catalog", "GET", path, headers={"x-internal-identity": "forged"})
        assert refused.status_code == 401
        assert (await anybody.request("catalog", "POST", path, json={})).status_code == 405
