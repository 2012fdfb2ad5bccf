"""A path finds its line of the table or nothing, however it is dressed up (SEC4)."""

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, strategies as st

from gateway.matching import BadPath, Matcher, MethodNotAllowed, clean_path
from gateway.routes import ROUTES, Access, Route
from shared.http.problems import NotFound

MATCHER = Matcher(ROUTES)
SERVICES = {route.service for route in ROUTES}


def example(template: str, value: str = "x") -> str:
    return re.sub(r"\{\w+(:path)?\}", value, template)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_line_of_the_table_is_found_by_its_own_path(route: Route) -> None:
    match = MATCHER.match(route.method, example(route.template).encode())
    assert match.route is route
    assert match.upstream_path == example(route.upstream or route.template)


TRAVERSALS = [
    b"/products/..",
    b"/products/../internal/skus/lookup",
    b"/products/./x",
    b"/products/%2e%2e/internal",
    b"/products/%2E%2E/internal",
    b"/products/.%2e",
    b"/products/..%2finternal",
    b"/products/..%2Finternal",
    b"/products/%2e%2e%2finternal",
    b"/products/%252e%252e%252finternal",
    b"/products/%25",
    b"/products//x",
    b"//products",
    b"/products/",
    b"/products/x/",
    b"/products/..\\internal",
    b"/products/..%5cinternal",
    b"/products/x%00",
    b"/products/\x00",
    b"/products/x%0a",
    b"/products/x%7f",
    b"/products/%ff",
    b"/products/%c0%ae%c0%ae",
    b"/products/%ed%a0%80",
    b"/products/..;",
    b"/media/..;/..;/etc/passwd",
    b"/media/;/x",
    b"/media/../../etc/passwd",
    b"/media/a/%2e%2e/%2e%2e/etc/passwd",
    b"/docs/%2e%2e/app.py",
    b"products",
    b"*",
    b"http://catalog/internal/skus/lookup",
]


@pytest.mark.parametrize("path", TRAVERSALS, ids=repr)
def test_a_path_that_another_reader_might_take_otherwise_is_refused(path: bytes) -> None:
    with pytest.raises(BadPath) as refused:
        MATCHER.match("GET", path)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"/Products",
        b"/PRODUCTS",
        b"/internal/skus/lookup",
        b"/health",
        b"/metrics",
        b"/products/x/y",
        b"/products;x",
        b"/admin",
        b"/.env",
    ],
    ids=repr,
)
def test_what_the_table_does_not_list_does_not_exist(path: bytes) -> None:
    with pytest.raises(NotFound):
        MATCHER.match("GET", path)


@pytest.mark.parametrize(
    "method", ["HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"]
)
def test_a_known_path_with_another_method_says_which_are_allowed(method: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        MATCHER.match(method, b"/products")
    assert refused.value.headers == {"allow": "GET"}
    with pytest.raises(MethodNotAllowed) as refused:
        MATCHER.match("HEAD", b"/me/addresses/1")
    assert refused.value.headers == {"allow": "DELETE, PATCH"}


def test_no_line_leads_inside_and_only_callbacks_come_without_a_name() -> None:
    assert [
        route for route in ROUTES if "internal" in route.template or "internal" in (route.upstream or "")
    ] == []
    for route in ROUTES:
        assert (route.access is Access.OPERATOR) == (
            route.template.startswith("/operator/") and not route.template.startswith("/operator/auth/")
        )
        assert bool(route.roles) == (route.access is Access.OPERATOR)
        if route.access is Access.ANONYMOUS and route.service != "gateway":
            assert route.template.startswith("/callbacks/")


@given(
    st.text(min_size=1, max_size=40), st.sampled_from([route for route in ROUTES if "{" in route.template])
)
def test_whatever_fills_a_template_stays_one_value_below_its_prefix(value: str, route: Route) -> None:
    try:
        sent = example(route.template, "@").replace("@", quote(value, safe="", errors="surrogatepass"))
        match = MATCHER.match(route.method, sent.encode())
    except (BadPath, NotFound, MethodNotAllowed):
        return
    template = match.route.upstream or match.route.template
    assert match.upstream_path.startswith(template.partition("{")[0])
    assert match.upstream_path.endswith(template.rpartition("}")[2])
    segments = match.upstream_path.split("/")
    assert not {".", "..", ""} & set(segments[1:])
    if not route.template.endswith(":path}"):
        assert len(segments) == len(template.split("/"))
        assert value in {unquote(segment) for segment in segments}
    assert match.upstream_path.isascii()
    assert not re.search(r"[?#\\;\s\x00-\x1f]", match.upstream_path)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_clean_path_or_refused(raw: bytes) -> None:
    try:
        path = clean_path(b"/" + raw)
    except BadPath:
        return
    assert path.startswith("/")
    assert not re.search(r"[\x00-\x1f\x7f\\]", path)
    assert path == "/" or not {"", ".", ".."} & set(path.split("/")[1:])


@given(st.text(alphabet="./%25efEF2cC0;\\a", max_size=24))
def test_dots_and_slashes_in_any_mixture_never_leave_media(rest: str) -> None:
    try:
        match = MATCHER.match("GET", f"/media/{rest}".encode())
    except (BadPath, NotFound):
        return
    assert match.route.template == "/media/{path:path}"
    assert match.upstream_path.startswith("/media/")
    assert ".." not in unquote(match.upstream_path).split("/")
