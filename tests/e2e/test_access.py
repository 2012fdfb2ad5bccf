"""Every operation as everybody: who is refused at the door is refused by the service too (SEC3, SEC9, SEC14)."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from docs.openapi import describe, plain
from gateway.app import Gateway
from gateway.routes import ROUTES, Access, Route
from shared.http.callers import ROLES
from shared.ids import new_id
from tests.e2e.people import ADDRESS, Person, Street
from tests.support.shop import Caller, Shop

READS = {"GET"}
OF_A_MEMBER = {"order_id", "address_id", "after_sale_id"}
OF_THE_SHOP = {"template_id", "sku_id", "purpose"}


def path_of(template: str, **known: str) -> str:
    """The template with ids filled in: the known ones, or ids of nothing."""
    return re.sub(
        r"\{(\w+)(:path)?\}", lambda found: known.get(found[1], "x" if found[2] else str(new_id())), template
    )


def refusal_of(route: Route, who: str) -> int | None:
    """How somebody must be refused: ``anonymous``, ``member`` or an operator's role."""
    if route.access in (Access.ANONYMOUS, Access.PUBLIC):
        return None
    if route.access is Access.MEMBER:
        return None if who == "member" else 401
    if who not in ROLES:
        return 401
    return None if who in route.roles else 403


def body_of(route: Route, *, is_refused: bool) -> Any:
    """A body that a refusal must not even look at; of the admitted a body that nothing can be done with."""
    return None if route.method in ("GET", "DELETE") else {} if is_refused else "nothing"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(street: Street) -> dict[str, Person]:
    """Somebody of each kind, with a real login."""
    return {"anonymous": street.nobody, "member": await street.customer()} | await street.operators()


@pytest.fixture(scope="module")
def principals(shop: Shop) -> dict[str, Caller]:
    """The same kinds of people as services know them, past the gateway."""
    operators = {role: shop.as_operator(role) for role in ROLES}
    return {"anonymous": shop.as_anonymous(), "member": shop.as_member()} | operators


async def test_at_the_door_everybody_is_admitted_or_refused_by_the_table(people: dict[str, Person]) -> None:
    wrong: list[str] = []

    async def walk(route: Route) -> None:
        if route.template.startswith("/auth/logout") or route.template.startswith("/operator/auth/logout"):
            return
        for who, person in people.items():
            refusal = refusal_of(route, who)
            answer = await person.ask(
                route.method, path_of(route.template), body_of(route, is_refused=refusal is not None)
            )
            status = answer.status_code
            fits = status == refusal if refusal else status < 500 and status not in (401, 403)
            if who == "auditor" and route.access is Access.OPERATOR and route.method not in READS:
                fits = fits and status == 403
            if route.access is Access.ANONYMOUS and refusal is None:
                fits = status < 500
            if not fits:
                wrong.append(
                    f"{who}: {route.method} {route.template} → {status}, not {refusal}: {answer.text[:200]}"
                )

    for at in range(0, len(ROUTES), 4):
        await asyncio.gather(*map(walk, ROUTES[at : at + 4]))
    assert wrong == []


async def test_past_the_door_each_service_refuses_the_same_people(principals: dict[str, Caller]) -> None:
    wrong: list[str] = []

    async def walk(route: Route) -> None:
        for who, caller in principals.items():
            refusal = refusal_of(route, who)
            answer = await caller.request(
                route.service,
                route.method,
                path_of(route.upstream or route.template),
                json=body_of(route, is_refused=refusal is not None),
                headers={"idempotency-key": str(new_id())},
            )
            status = answer.status_code
            fits = status == refusal if refusal else status < 500 and status not in (401, 403)
            if route.access is Access.ANONYMOUS:
                fits = status < 500
            if not fits:
                wrong.append(
                    f"{who}: {route.method} {route.template} → {status}, not {refusal}: {answer.text[:200]}"
                )

    behind = [route for route in ROUTES if route.service != "gateway"]
    for at in range(0, len(behind), 4):
        await asyncio.gather(*map(walk, behind[at : at + 4]))
    assert wrong == []


def operations(shop: Shop) -> Iterator[tuple[str, str, str]]:
    """Every operation that a service describes: service, method, path template."""
    for service, app in shop.platform.apps.items():
        if not isinstance(app, Gateway):
            assert isinstance(app, FastAPI)
            for template, methods in describe(app)["paths"].items():
                for method in methods:
                    yield service, method.upper(), template


async def test_the_auditors_role_opens_nothing_that_changes_anything() -> None:
    assert [route for route in ROUTES if "auditor" in route.roles and route.method not in READS] == []


async def test_whatever_a_service_offers_is_in_the_table_or_internal(shop: Shop) -> None:
    listed = {(route.service, route.method, plain(route.upstream or route.template)) for route in ROUTES}
    unlisted = {each for each in operations(shop) if each not in listed}
    assert {template for _, _, template in unlisted if not template.startswith("/internal/")} == set()


async def test_what_is_internal_is_nothing_to_the_gateway_nor_to_strangers(
    shop: Shop, principals: dict[str, Caller]
) -> None:
    internal = [each for each in operations(shop) if each[2].startswith("/internal/")]
    assert len(internal) >= 15
    strangers = {"analytics": shop.as_service("analytics"), "gateway": shop.as_service("gateway")}
    for service, method, template in internal:
        for who, caller in (principals | strangers).items():
            if template == "/internal/logins" and who != "analytics":
                continue
            answer = await caller.request(service, method, path_of(template), json={})
            assert answer.status_code == 404, (who, service, method, template, answer.text)
    login = await shop.as_service("order").post("member", "/internal/logins", {"code": "x", "scene": None})
    assert login.status_code == 404


async def test_without_an_identity_a_service_does_nothing(shop: Shop) -> None:
    for service, method, template in operations(shop):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(shop.platform.apps[service]), base_url="http://service"
        ) as client:
            headers = {
                "x-user-id": str(new_id()),
                "x-member-id": str(new_id()),
                "authorization": "Bearer x",
                "x-roles": "owner",
            }
            answer = await client.request(method, path_of(template), json={}, headers=headers)
        assert answer.status_code == 401, (service, method, template)


async def test_an_identity_for_another_service_is_worth_nothing(shop: Shop) -> None:
    owner = shop.as_operator("owner")
    for service in ("catalog", "order", "payment", "member", "campaign", "analytics"):
        other = "order" if service == "catalog" else "catalog"
        headers = {"x-internal-identity": owner._identity.mint(other, owner.principal)}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(shop.platform.apps[service]), base_url="http://service"
        ) as client:
            answer = await client.get("/operator/audit-log", headers=headers)
        assert answer.status_code == 401, service


async def after_sale_of(street: Street, customer: Person, order: dict[str, Any]) -> dict[str, Any]:
    """A request about a paid order that was shipped; it waits for an answer."""
    path = f"/orders/{order['order_id']}"
    payment = await customer.must("POST", f"{path}/pay")
    await street.shop.wechat.pay(order["order_number"], payment["request_payment"])
    async with asyncio.timeout(20):
        while (await customer.must("GET", path))["status"] != "paid":
            await asyncio.sleep(0.05)
    parcel = {"carrier": "SF", "tracking_number": "SF1"}
    await street.owner.must("POST", f"/operator{path}/shipments", parcel)
    (line,) = (await customer.must("GET", path))["lines"]
    asked = await customer.must("POST", f"{path}/after-sales", a_wish(line["order_line_id"]))
    await street.shop.platform.settle()
    return dict(asked)


def a_wish(order_line_id: str) -> dict[str, Any]:
    line = {"order_line_id": order_line_id, "quantity": 1}
    return {"kind": "return_and_refund", "lines": [line], "reason": "other"}


BODIES = {
    "/me/addresses/{address_id}": {"street": "别人的路"},
    "/orders/{order_id}/after-sales": a_wish(str(new_id())),
    "/after-sales/{after_sale_id}/messages": {"text": "别人的话"},
    "/after-sales/{after_sale_id}/amend": {"reason": "other"},
    "/after-sales/{after_sale_id}/send-back": {"carrier": "SF", "tracking_number": "SF2"},
}
"""What those routes take that are about one member's things."""


async def test_what_belongs_to_another_member_does_not_exist(street: Street) -> None:
    owner, stranger = await asyncio.gather(street.customer(), street.customer())
    sku = await street.sku()
    order = await street.order(owner, sku["sku_id"])
    address = (await owner.must("GET", "/me/addresses"))["items"][0]
    after_sale = await after_sale_of(street, owner, order)
    known = {
        "order_id": order["order_id"],
        "address_id": address["address_id"],
        "after_sale_id": after_sale["after_sale_id"],
    }
    mine = (
        *("/orders", "/me/addresses", f"/orders/{known['order_id']}"),
        f"/after-sales/{known['after_sale_id']}",
    )
    before = [await owner.must("GET", path) for path in mine]
    for route in ROUTES:
        names = set(re.findall(r"\{(\w+)", route.template))
        if route.access is not Access.MEMBER or not names:
            continue
        assert names <= OF_A_MEMBER | OF_THE_SHOP, f"say whose {names} are"
        if names <= OF_A_MEMBER:
            body = BODIES.get(route.template) if route.method in ("POST", "PATCH") else None
            answer = await stranger.ask(route.method, path_of(route.template, **known), body)
            assert answer.status_code == 404, (route, answer.text)
            nothing = await stranger.ask(route.method, path_of(route.template), body)
            assert nothing.json() == answer.json(), "what is not mine looks like what does not exist"
    assert [await owner.must("GET", path) for path in mine] == before


async def test_nobody_orders_to_a_strangers_address_or_with_a_strangers_coupon(street: Street) -> None:
    owner, stranger = await asyncio.gather(street.customer(), street.customer())
    sku = await street.sku()
    coupon_id = await street.coupon(owner)
    address_id = (await owner.must("GET", "/me/addresses"))["items"][0]["address_id"]
    lines = {"lines": [{"sku_id": sku["sku_id"], "quantity": 1}]}
    preview = await stranger.ask("POST", "/checkout/preview", lines | {"address_id": address_id})
    assert preview.status_code == 404, preview.text
    quote = await stranger.must("POST", "/checkout/preview", lines | {"coupon_id": coupon_id})
    unknown = await stranger.must("POST", "/checkout/preview", lines | {"coupon_id": str(new_id())})
    assert quote == unknown
    assert [note["code"] for note in quote["notes"]] == ["coupon_unknown"]
    for wish in ({"address_id": address_id}, {"coupon_id": coupon_id}):
        fingerprint = {"quote_fingerprint": quote["quote_fingerprint"]}
        order = await stranger.ask("POST", "/orders", lines | wish | fingerprint)
        assert order.status_code == 404, order.text
    assert (await stranger.must("GET", "/orders"))["items"] == []
    coupons = (await owner.must("GET", "/me/coupons?state=available"))["items"]
    assert coupon_id in {coupon["coupon_id"] for coupon in coupons}


async def test_a_members_lists_hold_the_members_own_things_only(street: Street) -> None:
    owner, stranger = await asyncio.gather(street.customer(points=10), street.customer())
    await street.coupon(owner)
    sku = await street.sku()
    await street.order(owner, sku["sku_id"])
    await owner.must("PUT", f"/cart/lines/{sku['sku_id']}", {"quantity": 1})
    assert (await stranger.must("GET", "/cart"))["lines"] == []
    for path in ("/orders", "/me/coupons"):
        assert (await stranger.must("GET", path))["items"] == []
    addresses = (await stranger.must("GET", "/me/addresses"))["items"]
    assert [address["street"] for address in addresses] == [ADDRESS["street"]]
    assert UUID((await stranger.must("GET", "/me"))["member_id"]) == UUID(stranger.id)
