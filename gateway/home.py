"""The first screen in one call (NF-01): what several services show, asked at once; one that is away is left out.

But for the storefront, which is shown as it was a moment ago (4.E). The whole of it is kept for visitors; to members the
parts that are the same for everybody are shown from what is kept, and those of their own are asked for each time.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from gateway.exchange import for_clients
from gateway.kept_answers import KeptAnswer, Key
from gateway.resources import GatewayResources
from shared.http.app import service_router
from shared.http.bodies import View
from shared.http.callers import AnyCaller
from shared.http.identity import Kind, Principal
from shared.http.problems import Problem
from shared.http.services import BROWSE_SECONDS

router = service_router(tags=["home"])


class HomeView(View):
    """The home page: the storefront, coupons to claim, who I am; ``unavailable`` names the parts that did not answer."""

    storefront: dict[str, Any] | None
    coupon_templates: list[dict[str, Any]]
    promotions: list[dict[str, Any]]
    me: dict[str, Any] | None
    unavailable: list[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """Whom to ask for a part of the home page, and whether everybody is told the same."""

    service: str
    path: str
    is_shared: bool = False

    @property
    def key(self) -> Key:
        """Where it is kept."""
        return self.path, b""


_STOREFRONT = _Part("catalog", "/storefront", is_shared=True)
_FOR_ALL = {
    "storefront": _STOREFRONT,
    "coupon_templates": _Part("campaign", "/coupon-templates"),
    "promotions": _Part("campaign", "/promotions", is_shared=True),
}
_FOR_MEMBERS = _FOR_ALL | {"me": _Part("member", "/me")}


@router.get("/home", response_model=HomeView)
async def home(request: Request, caller: AnyCaller) -> Response:
    """Everything the first screen shows."""
    resources: GatewayResources = request.app.state.resources
    parts = _FOR_MEMBERS if caller.kind is Kind.MEMBER else _FOR_ALL
    answers = await asyncio.gather(
        *(_told(resources, part, caller) for part in parts.values()), return_exceptions=True
    )
    found = dict(zip(parts, answers, strict=True))
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Problem):
            raise answer
    missing = sorted(part for part, answer in found.items() if isinstance(answer, Problem))
    document = {
        "storefront": _as_it_is(found["storefront"], otherwise=_storefront_of_late(resources)),
        "coupon_templates": _items(found["coupon_templates"]),
        "promotions": _items(found["promotions"]),
        "me": _as_it_is(found.get("me"), otherwise=None),
        "unavailable": missing,
    }
    headers = {"cache-control": "no-store"} if missing else None
    return Response(orjson.dumps(document), headers=headers, media_type="application/json")


async def _told(resources: GatewayResources, part: _Part, caller: Principal) -> bytes:
    """What a service says; raises a Problem. A visitor's home is kept as a whole: no part of it may be old already."""
    answers = resources.kept_answers
    if part.is_shared and caller.kind is Kind.MEMBER and (kept := answers.fresh(part.key)) is not None:
        return kept.body
    begun_at = time.monotonic()
    answer = await resources.services.call(
        part.service, "GET", part.path, on_behalf_of=caller, seconds=BROWSE_SECONDS
    )
    answer.json()
    if part.is_shared:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        answers.keep(part.key, KeptAnswer(for_clients(headers), answer.body, begun_at))
    return answer.body


def _storefront_of_late(resources: GatewayResources) -> bytes | None:
    stale = resources.kept_answers.stale(_STOREFRONT.key)
    return None if stale is None else stale.body


def _as_it_is(told: bytes | BaseException | None, *, otherwise: bytes | None) -> orjson.Fragment | None:
    body = told if isinstance(told, bytes) else otherwise
    return None if body is None else orjson.Fragment(body)


def _items(told: bytes | BaseException) -> list[Any]:
    return list(orjson.loads(told)["items"]) if isinstance(told, bytes) else []
