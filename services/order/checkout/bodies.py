"""What checkout and ordering take from the client: never a price, a state or a member id (section 4.F)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from services.order.checkout.wishes import Wish, WishedLine
from services.order.pricing.request import MAX_POINTS
from shared.http.bodies import Body, Id, Quantity

MAX_LINES = 100


class LineWish(Body):
    """So many of one SKU."""

    sku_id: Id
    quantity: Quantity


class CheckoutWish(Body):
    """What to buy and how: `lines`, or what is selected in the cart; `address_id`, or the default address.

    `use_points` is how many points to pay with; what cannot be used is told in the quote's notes.
    """

    lines: Annotated[list[LineWish], Field(min_length=1, max_length=MAX_LINES)] | None = None
    address_id: Id | None = None
    coupon_id: Id | None = None
    use_points: Annotated[int, Field(ge=0, le=MAX_POINTS)] = 0

    @model_validator(mode="after")
    def _each_sku_once(self) -> Self:
        if self.lines is not None and len({line.sku_id for line in self.lines}) != len(self.lines):
            raise ValueError("each SKU may be listed once")
        return self

    def wish(self) -> Wish:
        """The wish as a value."""
        lines = self.lines and tuple(WishedLine(line.sku_id, line.quantity) for line in self.lines)
        return Wish(
            lines=lines or None,
            address_id=self.address_id,
            coupon_id=self.coupon_id,
            use_points=self.use_points,
        )
