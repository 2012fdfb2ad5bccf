"""Putting things into the cart and taking them out."""

from uuid import UUID

from services.order.carts.domain import CartFull, NotOnSale
from services.order.carts.storage import Carts
from services.order.clients import catalog
from services.order.resources import OrderResources
from shared.database import committing_each
from shared.http.identity import Principal
from shared.http.problems import NotFound


async def put_line(
    resources: OrderResources, caller: Principal, sku_id: UUID, *, quantity: int, is_selected: bool
) -> None:
    """Have so many of a SKU in the caller's cart; raises NotFound, NotOnSale, CartFull, ServiceUnavailable."""
    member_id = caller.member_id
    async with committing_each(resources.engine) as connection:
        if await Carts(connection).change(member_id, sku_id, quantity=quantity, is_selected=is_selected):
            return
    sku = (await catalog.look_up(resources.services, [sku_id], on_behalf_of=caller)).get(sku_id)
    if sku is None:
        raise NotFound()
    if not sku.is_on_sale:
        raise NotOnSale()
    async with committing_each(resources.engine) as connection:
        added = await Carts(connection).add(
            member_id,
            sku_id,
            quantity=quantity,
            is_selected=is_selected,
            added_price_fen=sku.unit_price_fen,
            added_at=resources.clock.now(),
        )
    if not added:
        raise CartFull()
