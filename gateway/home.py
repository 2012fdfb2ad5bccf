"""The first screen in one call (NF-01): what several services show, asked at once; one that is away is left out.

But for the storefront, which is shown as it was a moment ago (4.E).
"""

import asyncio
from typing import Any

import orjson
from fastapi import Request

from gateway.resources import GatewayResources
from gateway.stale_answers import key_of
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import AnyCaller
from shared.http.identity import Kind, Principal
from shared.http.problems import Problem
from shared.http.services import BROWSE_SECONDS

router = service_router(tags=["home"])

STOREFRONT = "/storefront"
_STOREFRONT_KEY = key_of(STOREFRONT)


class HomeView(View):
    """The home page: the storefront, coupons to claim, who I am; ``unavailable`` names the parts that did not answer."""

    storefront: dict[str, Any] | None
    coupon_templates: list[dict[str, Any]]
    promotions: list[dict[str, Any]]
    me: dict[str, Any] | None
    unavailable: list[str]


@router.get("/home")
async def home(request: Request, caller: AnyCaller) -> HomeView:
    """Everything the first screen shows."""
    resources: GatewayResources = request.app.state.resources
    parts = {
        "storefront": ("catalog", STOREFRONT),
        "coupon_templates": ("campaign", "/coupon-templates"),
        "promotions": ("campaign", "/promotions"),
    }
    if caller.kind is Kind.MEMBER:
        parts["me"] = ("member", "/me")
    answers = await asyncio.gather(
        *(_ask(resources, service, path, caller) for service, path in parts.values()), return_exceptions=True
    )
    found = dict(zip(parts, answers, strict=True))
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Problem):
            raise answer
    return HomeView(
        storefront=_or(found["storefront"], _storefront_of_late(resources)),
        coupon_templates=_or(found["coupon_templates"], {"items": []})["items"],
        promotions=_or(found["promotions"], {"items": []})["items"],
        me=_or(found.get("me"), None),
        unavailable=sorted(part for part, answer in found.items() if isinstance(answer, Problem)),
    )


async def _ask(resources: GatewayResources, service: str, path: str, caller: Principal) -> Any:
    answer = await resources.services.call(service, "GET", path, on_behalf_of=caller, seconds=BROWSE_SECONDS)
    told = answer.json()
    if path == STOREFRONT:
        resources.stale_answers.keep(_STOREFRONT_KEY, [(b"content-type", b"application/json")], answer.body)
    return told


def _storefront_of_late(resources: GatewayResources) -> Any:
    stale = resources.stale_answers.find(_STOREFRONT_KEY)
    return None if stale is None else orjson.loads(stale.body)


def _or(answer: Any, otherwise: Any) -> Any:
    return otherwise if isinstance(answer, Problem) else answer
