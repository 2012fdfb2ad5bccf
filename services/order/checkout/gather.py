"""Asking the siblings for all that bears on a price, at once, and doing without those that are away (section 4.E)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.order.carts.storage import Carts
from services.order.checkout.proposal import Gathered, Proposal, price_lines, propose
from services.order.checkout.wishes import Wish, WishedLine
from services.order.clients import campaign, catalog, member
from services.order.clients.campaign import Offers
from services.order.clients.member import Address, Standing
from services.order.freight.storage import freight_rule
from services.order.orders.addresses import last_sent_to
from services.order.pricing import FreightRule, Line
from services.order.resources import OrderResources
from shared.database import reading
from shared.http.identity import Principal
from shared.http.problems import NotFound, UpstreamProblem
from shared.http.services import ServiceUnavailable


async def make_proposal(
    resources: OrderResources, caller: Principal, wish: Wish, *, at: datetime
) -> Proposal:
    """Price a wish with the catalog, the member's standing and the campaigns as they are now.

    Raises NotFound for another's address, NothingToBuy, Invalid, and ServiceUnavailable when the catalog is away.
    """
    lines, freight = await _own(resources, caller, wish)
    skus, standing = await asyncio.gather(
        catalog.look_up(resources.services, [line.sku_id for line in lines], on_behalf_of=caller),
        _standing(resources, caller),
    )
    offers, address = await asyncio.gather(
        _offers(resources, caller, wish, price_lines(lines, skus), at),
        _address(resources, caller, wish, standing),
    )
    return propose(
        Gathered(
            wish=wish,
            lines=lines,
            skus=skus,
            freight=freight,
            standing=standing,
            offers=offers,
            address=address,
        )
    )


async def _own(
    resources: OrderResources, caller: Principal, wish: Wish
) -> tuple[Sequence[WishedLine], FreightRule]:
    async with reading(resources.engine) as connection:
        freight = await freight_rule(connection)
        if wish.lines is not None:
            return wish.lines, freight
        cart = await Carts(connection).lines(caller.member_id)
        return [WishedLine(line.sku_id, line.quantity) for line in cart if line.is_selected], freight


async def _standing(resources: OrderResources, caller: Principal) -> Standing | None:
    try:
        return await member.standing(resources.services, caller.member_id, on_behalf_of=caller)
    except ServiceUnavailable:
        return None


async def _offers(
    resources: OrderResources, caller: Principal, wish: Wish, lines: Sequence[Line], at: datetime
) -> Offers | None:
    try:
        return await campaign.offers(
            resources.services,
            member_id=caller.member_id,
            coupon_id=wish.coupon_id,
            lines=lines,
            at=at,
            on_behalf_of=caller,
        )
    except ServiceUnavailable:
        return None


async def _address(
    resources: OrderResources, caller: Principal, wish: Wish, standing: Standing | None
) -> Address | None:
    """The chosen or default address; while the member service is away, what was last sent to the chosen one."""
    usual, address_id = standing.default_address if standing else None, wish.address_id
    if address_id is None or (usual is not None and usual.address_id == address_id):
        return usual
    try:
        return await member.address(resources.services, caller.member_id, address_id, on_behalf_of=caller)
    except UpstreamProblem as refused:
        raise NotFound("There is no such address.") from refused
    except ServiceUnavailable:
        async with reading(resources.engine) as connection:
            return await last_sent_to(
                connection,
                resources.field_keys,
                member_id=caller.member_id,
                address_id=address_id,
            )
