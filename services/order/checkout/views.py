"""A priced proposal as a shopper reads it."""

from typing import Any
from uuid import UUID

from services.order.checkout.proposal import Proposal
from services.order.clients.campaign import UsableCoupon
from services.order.clients.catalog import Sku
from services.order.clients.member import Address
from services.order.pricing import PricedLine
from shared.http.bodies import View


class DiscountView(View):
    """What one offer takes off a line."""

    step: str
    source_id: str
    source_name: str
    amount_fen: int


class StepView(View):
    """One step of the price; signed, and all of them sum to what is payable."""

    step: str
    name: str
    source_id: str
    source_name: str
    amount_fen: int


class QuotedLineView(View):
    """One line of a quote, with everything taken off it."""

    sku_id: UUID
    product_id: UUID
    product_name: str
    options: dict[str, str]
    image_url: str | None
    unit_price_fen: int
    quantity: int
    list_fen: int
    discounts: list[DiscountView]
    payable_fen: int
    points_used: int
    after_sale_policy: dict[str, Any] | None

    @classmethod
    def of(cls, line: PricedLine, sku: Sku) -> "QuotedLineView":
        return cls(
            sku_id=line.sku_id,
            product_id=sku.product_id,
            product_name=sku.product_name,
            options=sku.options,
            image_url=sku.image_url,
            unit_price_fen=sku.unit_price_fen,
            quantity=line.quantity,
            list_fen=line.list_fen,
            discounts=[DiscountView.model_validate(each) for each in line.discounts],
            payable_fen=line.payable_fen,
            points_used=line.points_used,
            after_sale_policy=sku.after_sale_policy,
        )


class NoteView(View):
    """A remark on a quote."""

    code: str
    detail: str
    sku_id: UUID | None
    members: dict[str, Any]


class QuoteView(View):
    """An itemised price; `quote_fingerprint` says when ordering that this is what was agreed to."""

    lines: list[QuotedLineView]
    goods_fen: int
    discount_fen: int
    coupon_discount_fen: int
    points_used: int
    points_discount_fen: int
    freight_fen: int
    freight_discount_fen: int
    payable_fen: int
    explanation: list[StepView]
    spendable_points: int
    usable_coupons: list[UsableCoupon]
    notes: list[NoteView]
    delivery_address: Address | None
    quote_fingerprint: str

    @classmethod
    def of(cls, proposal: Proposal) -> "QuoteView":
        quote = proposal.quote
        return cls(
            lines=[QuotedLineView.of(line, proposal.skus[line.sku_id]) for line in quote.lines],
            goods_fen=quote.goods_fen,
            discount_fen=quote.discount_fen,
            coupon_discount_fen=quote.coupon_discount_fen,
            points_used=quote.points_used,
            points_discount_fen=quote.points_discount_fen,
            freight_fen=quote.freight_fen,
            freight_discount_fen=quote.freight_discount_fen,
            payable_fen=quote.payable_fen,
            explanation=[StepView.model_validate(each) for each in quote.explanation],
            spendable_points=proposal.spendable_points,
            usable_coupons=list(proposal.usable_coupons),
            notes=[NoteView.model_validate(each) for each in proposal.notes],
            delivery_address=proposal.address,
            quote_fingerprint=proposal.fingerprint,
        )
