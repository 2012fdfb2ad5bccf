"""What shoppers and operators send about requests."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.order.after_sales.answer_after_sale import Side
from services.order.after_sales.domain import AfterSaleKind, AfterSaleReason
from services.order.after_sales.negotiation import Said
from services.order.after_sales.request_after_sale import AfterSaleWish
from services.order.after_sales.return_goods import Inspected
from shared.http.bodies import Body, Id, LongText, Quantity

MAX_SECONDS = 60 * 24 * 3_600

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
Picture = Annotated[str, Field(max_length=206, pattern=rf"^/media/{_SEGMENT}(/{_SEGMENT}){{0,5}}$")]
"""Where the shop keeps a picture, as its upload told."""
Pictures = Annotated[list[Picture], Field(max_length=9)]
Words = Annotated[LongText, Field(max_length=1_000)]
Reason = Annotated[AfterSaleReason, Field(strict=False)]
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS)]


class UnitsToClaim(Body):
    """So many units of an order line."""

    order_line_id: Id
    quantity: Quantity


class Described(Body):
    """Why somebody asks: the reason, and what there is to say and show."""

    reason: Reason
    description: Words | None = None
    pictures: Pictures = Field(default_factory=list)

    def said(self) -> Said | None:
        """The words and pictures, if there are any."""
        if self.description is None and not self.pictures:
            return None
        return Said(self.description or "", self.pictures)


class AfterSaleCreate(Described):
    """What a shopper asks for; what it brings back follows from the agreed price."""

    kind: Annotated[AfterSaleKind, Field(strict=False)]
    lines: Annotated[list[UnitsToClaim], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if len({line.order_line_id for line in self.lines}) != len(self.lines):
            raise ValueError("each line may be listed once")
        return self

    def wish(self) -> AfterSaleWish:
        """The request as a value."""
        units = {line.order_line_id: line.quantity for line in self.lines}
        return AfterSaleWish(self.kind, units, self.reason, self.said())


class AfterSaleAmend(Described):
    """Better reasons for the same request."""


class MessageCreate(Body):
    """Something to say, with pictures that show it."""

    text: Words
    pictures: Pictures = Field(default_factory=list)

    def said(self) -> Said:
        """The message as a value."""
        return Said(self.text, self.pictures)


class InspectedUnits(Body):
    """What came back of a line: units that can be sold again, and units that cannot or are missing."""

    order_line_id: Id
    restockable_quantity: Annotated[int, Field(ge=0, le=9_999)]
    damaged_quantity: Annotated[int, Field(ge=0, le=9_999)]


class ReturnReceive(Body):
    """What came back, line by line; all units of the request are accounted for."""

    lines: Annotated[list[InspectedUnits], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if len({line.order_line_id for line in self.lines}) != len(self.lines):
            raise ValueError("each line may be listed once")
        return self

    def inspected(self) -> dict[UUID, Inspected]:
        """What came back, by line."""
        return {
            line.order_line_id: Inspected(line.restockable_quantity, line.damaged_quantity)
            for line in self.lines
        }


class AfterSaleDecide(MessageCreate):
    """Who is right in a dispute, and why."""

    in_favour_of: Annotated[Side, Field(strict=False)]


class AfterSaleRulesPut(Body):
    """The rules to be; `default_days` holds for goods bought without an after-sale policy."""

    approve_unshipped_at_once: bool
    default_days: Annotated[int, Field(ge=0, le=365)]
    answer_seconds: Seconds
    return_seconds: Seconds
    receive_seconds: Seconds
    rejected_seconds: Seconds
    replacement_seconds: Seconds
