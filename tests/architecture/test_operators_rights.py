"""What an operator may do is said twice, at the gateway and at the service, and is the same (SEC14)."""

import asyncio
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from docs.platform import described_platform
from gateway.routes import ROUTES, Access
from shared.http.callers import OWNER, Operator

Rights = dict[tuple[str, str, str], frozenset[str]]
"""The roles by service, method and path."""


def operators_of(dependant: Dependant) -> Iterator[Operator]:
    """What a route asks of an operator, however deep."""
    for each in dependant.dependencies:
        if isinstance(each.call, Operator):
            yield each.call
        yield from operators_of(each)


def rights_by_service() -> Rights:
    found: Rights = {}
    for service, app in asyncio.run(described_platform()).apps.items():
        for context in iter_route_contexts(app.routes):
            if isinstance(context.route, APIRoute):
                for operator in operators_of(context.dependant):
                    for method in context.methods or ():
                        found[service, method, str(context.path)] = operator.roles
    return found


def rights_by_table() -> Rights:
    return {
        (route.service, route.method, route.upstream or route.template): route.roles
        for route in ROUTES
        if route.access is Access.OPERATOR
    }


def test_the_gateway_and_the_services_let_the_same_roles_through() -> None:
    by_service, by_table = rights_by_service(), rights_by_table()
    # what the table does not list cannot be reached in the gateway's own process
    unreachable = {key for key in by_service if key[0] == "gateway"} - by_table.keys()
    assert len(by_table) > 50
    assert {key: roles for key, roles in by_service.items() if key not in unreachable} == by_table


def test_the_owner_may_do_everything() -> None:
    assert [key for key, roles in rights_by_table().items() if OWNER not in roles] == []


def test_the_auditor_reads_what_anybody_reads_and_changes_nothing() -> None:
    by_table = rights_by_table()
    reads = {key for key in by_table if key[1] == "GET"}
    assert {key for key, roles in by_table.items() if "auditor" in roles} == reads
