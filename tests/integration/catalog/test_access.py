"""Who may call what: every operation is tried by everybody who may not (SEC3, SEC9, SEC14)."""

import pytest
from fastapi import FastAPI

from shared.http.callers import ROLES
from shared.ids import new_id
from tests.integration.catalog.goods import Catalog
from tests.support.shop import Caller

WRITERS = {"owner", "operations"}
THE_KERNELS = ("/operator/events", "/operator/audit-log", "/operator/backlog", "/operator/parked-events")


def operations(catalog: Catalog, beginning: str) -> list[tuple[str, str]]:
    """Method and path, with made-up ids, of every operation of the catalog's own whose path begins so."""
    app = catalog.shop.platform.apps["catalog"]
    assert isinstance(app, FastAPI)
    found = []
    for path, methods in app.openapi()["paths"].items():
        if path.startswith(beginning) and not path.startswith(THE_KERNELS):
            named = path.replace("{path}", "a.png").replace("{sku_code}", "S1")
            while "{" in named:
                named = named[: named.index("{")] + str(new_id()) + named[named.index("}") + 1 :]
            found += [(method.upper(), named) for method in methods]
    return found


async def status_of(caller: Caller, method: str, path: str) -> int:
    json: dict[str, str] | None = None if method == "GET" else {}
    return (await caller.request("catalog", method, path, json=json)).status_code


async def test_the_operators_routes_are_closed_to_everybody_else(catalog: Catalog) -> None:
    routes = operations(catalog, "/operator/")
    assert len(routes) >= 24
    shop = catalog.shop
    for caller in (shop.as_anonymous(), shop.as_member(), shop.as_service("order")):
        assert {await status_of(caller, method, path) for method, path in routes} == {401}


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_reads_and_only_those_for_the_goods_write(catalog: Catalog, role: str) -> None:
    caller = catalog.shop.as_operator(role)
    for method, path in operations(catalog, "/operator/"):
        is_allowed = method == "GET" or role in WRITERS
        status = await status_of(caller, method, path)
        assert (status not in (401, 403)) if is_allowed else (status == 403), (method, path)


async def test_an_operator_without_a_role_may_do_nothing(catalog: Catalog) -> None:
    caller = catalog.shop.as_operator()
    routes = operations(catalog, "/operator/")
    assert {await status_of(caller, method, path) for method, path in routes} == {403}


async def test_only_the_order_service_reaches_the_internal_routes(catalog: Catalog) -> None:
    routes = operations(catalog, "/internal/")
    assert len(routes) == 3
    shop = catalog.shop
    others = (
        shop.as_anonymous(),
        shop.as_member(),
        shop.as_operator("owner"),
        shop.as_service("payment"),
        shop.as_service("campaign"),
    )
    for caller in others:
        assert {await status_of(caller, method, path) for method, path in routes} == {404}
    assert 404 not in {await status_of(shop.as_service("order"), method, path) for method, path in routes}


async def test_without_an_identity_nothing_is_answered(catalog: Catalog) -> None:
    answer = await catalog.get("/products", headers={"x-internal-identity": "forged"})
    assert answer.status_code == 401


async def test_a_search_history_is_for_members_only(catalog: Catalog) -> None:
    for caller in (catalog.shop.as_anonymous(), catalog.shop.as_operator("owner")):
        assert (await caller.delete("catalog", "/search/history")).status_code == 401
