"""The cart over HTTP (OR-01)."""

from typing import Any
from uuid import UUID

from services.order.carts.domain import CartLine, Flag, flags
from services.order.carts.storage import Carts
from services.order.carts.usecases import put_line
from services.order.clients import catalog
from services.order.clients.catalog import Sku
from services.order.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, Quantity, View
from shared.http.callers import Member
from shared.http.services import BROWSE_SECONDS
from shared.http.work import Work

router = service_router("/cart", tags=["cart"])


class CartLinePut(Body):
    """How many of a SKU to have in the cart, and whether it is to be bought now."""

    quantity: Quantity
    selected: bool = True


class CartLineView(View):
    """A cart line as it stands now; without the catalog's details when the SKU is gone."""

    sku_id: UUID
    quantity: int
    selected: bool
    added_price_fen: int
    flags: list[Flag]
    product_id: UUID | None = None
    product_name: str | None = None
    options: dict[str, str] | None = None
    image_url: str | None = None
    unit_price_fen: int | None = None
    market_price_fen: int | None = None
    available: int = 0
    after_sale_policy: dict[str, Any] | None = None

    @classmethod
    def of(cls, line: CartLine, sku: Sku | None) -> "CartLineView":
        """The line with what the catalog tells about its SKU."""
        live = {} if sku is None else sku.model_dump(exclude={"sku_id"})
        return cls(
            sku_id=line.sku_id,
            quantity=line.quantity,
            selected=line.is_selected,
            added_price_fen=line.added_price_fen,
            flags=flags(line, sku),
            **live,
        )


class CartView(View):
    """The caller's cart; `selected_goods_fen` is the list price of what is selected and can be bought."""

    lines: list[CartLineView]
    selected_goods_fen: int


@router.get("")
async def get_cart(caller: Member, resources: Own) -> CartView:
    """The caller's cart, joined with live prices and stock."""
    async with reading(resources.engine) as connection:
        lines = await Carts(connection).lines(caller.member_id)
    skus = await catalog.look_up(
        resources.services,
        [line.sku_id for line in lines],
        on_behalf_of=caller,
        seconds=BROWSE_SECONDS,
    )
    goods_fen = sum(
        line.quantity * skus[line.sku_id].unit_price_fen
        for line in lines
        if line.is_selected and line.sku_id in skus and skus[line.sku_id].is_on_sale
    )
    return CartView(
        lines=[CartLineView.of(line, skus.get(line.sku_id)) for line in lines],
        selected_goods_fen=goods_fen,
    )


@router.put("/lines/{sku_id}", status_code=204)
async def put_cart_line(sku_id: UUID, body: CartLinePut, caller: Member, resources: Own) -> None:
    """Have so many of a SKU in the cart."""
    await put_line(resources, caller, sku_id, quantity=body.quantity, is_selected=body.selected)


@router.delete("/lines/{sku_id}", status_code=204)
async def remove_cart_line(sku_id: UUID, caller: Member, work: Work) -> None:
    """Take a SKU out of the cart, if it is there."""
    await Carts(work.connection).remove(caller.member_id, [sku_id])
