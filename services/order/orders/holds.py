"""Holding stock, coupon and points for an order, each by the order's id, and letting them go (K10, K15)."""

import asyncio
import logging
from collections.abc import Sequence

from services.order.clients import campaign, catalog, member
from services.order.orders.domain import BoughtLine, Order
from services.order.resources import OrderResources
from shared.http.identity import Principal
from shared.http.problems import UpstreamProblem
from shared.http.services import ServiceUnavailable

log = logging.getLogger(__name__)


async def hold(
    resources: OrderResources, order: Order, lines: Sequence[BoughtLine], *, on_behalf_of: Principal
) -> UpstreamProblem | None:
    """Hold all that the order needs; the first refusal, if any. Raises ServiceUnavailable: then nothing is known."""
    services = resources.services
    holds = [_hold_stock(resources, order, lines, on_behalf_of=on_behalf_of)]
    if order.coupon_id is not None:
        holds.append(
            campaign.lock_coupon(
                services,
                order.id,
                member_id=order.member_id,
                coupon_id=order.coupon_id,
                on_behalf_of=on_behalf_of,
            )
        )
    if order.points_used:
        holds.append(
            member.hold_points(
                services,
                order.id,
                member_id=order.member_id,
                points=order.points_used,
                on_behalf_of=on_behalf_of,
            )
        )
    refusal = None
    for outcome in await asyncio.gather(*holds, return_exceptions=True):
        if isinstance(outcome, UpstreamProblem):
            refusal = refusal or outcome
        elif isinstance(outcome, BaseException):
            raise outcome
    return refusal


async def _hold_stock(
    resources: OrderResources, order: Order, lines: Sequence[BoughtLine], *, on_behalf_of: Principal
) -> None:
    """Hold the stock; what is short is remembered for those who come next."""
    asking_since = asyncio.get_running_loop().time()
    quantities = {line.sku_id: line.quantity for line in lines}
    try:
        await catalog.reserve_stock(
            resources.services,
            order.id,
            member_id=order.member_id,
            quantities=quantities,
            on_behalf_of=on_behalf_of,
        )
    except UpstreamProblem as refused:
        if refused.slug_of_cause == catalog.INSUFFICIENT_STOCK:
            resources.shortages.was_refused(refused.members_of_cause["items"])
        raise
    resources.shortages.was_granted(quantities, asking_since=asking_since)


async def release(resources: OrderResources, order: Order, *, on_behalf_of: Principal) -> None:
    """Let go at once of what a closed order held; OrderClosed does the same for whatever cannot be reached now."""
    services = resources.services
    releases = [catalog.release_stock(services, order.id, on_behalf_of=on_behalf_of)]
    if order.coupon_id is not None:
        releases.append(campaign.release_coupon(services, order.id, on_behalf_of=on_behalf_of))
    if order.points_used:
        releases.append(member.release_points(services, order.id, on_behalf_of=on_behalf_of))
    for outcome in await asyncio.gather(*releases, return_exceptions=True):
        if isinstance(outcome, UpstreamProblem | ServiceUnavailable):
            log.info("left to OrderClosed", extra={"order_id": str(order.id), "error": str(outcome)})
        elif isinstance(outcome, BaseException):
            raise outcome
