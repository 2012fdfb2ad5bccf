"""The price engine (MK-17): one pure function for preview, order, refund and audit."""

from collections.abc import Mapping

from services.order.pricing.draft import Deduction, Draft
from services.order.pricing.quote import (
    Adjustment,
    Explanation,
    LineAmount,
    PricedLine,
    Quote,
    StepCode,
)
from services.order.pricing.refusals import InvalidPriceRequest
from services.order.pricing.request import PriceRequest
from services.order.pricing.steps import STEPS, Step

ENGINE_VERSION = 1
"""The rules a new request is priced by."""

CHAINS: Mapping[int, tuple[Step, ...]] = {1: STEPS}
"""Every chain an order was ever priced by; one is never changed once an order was stored with it."""

NAMES: Mapping[StepCode, str] = {
    StepCode.GOODS: "商品金额",
    StepCode.MEMBER_LEVEL: "会员折扣",
    StepCode.FULL_REDUCTION: "满减",
    StepCode.COUPON: "优惠券",
    StepCode.POINTS: "积分抵扣",
    StepCode.FREIGHT: "运费",
    StepCode.FREIGHT_COUPON: "运费券",
}


def price(request: PriceRequest) -> Quote:
    """The price to the fen, every step explained. Raises InvalidPriceRequest for an unknown version."""
    chain = CHAINS.get(request.engine_version)
    if chain is None:
        raise InvalidPriceRequest(f"there is no price chain {request.engine_version}")
    draft = Draft.at_list_price(request)
    for step in chain:
        draft = step(request, draft)
    return _quote(request, draft)


def _quote(request: PriceRequest, draft: Draft) -> Quote:
    goods_fen = sum(line.list_fen for line in request.lines)
    taken_fen: dict[StepCode, int] = {}
    for deduction in draft.deductions:
        taken_fen[deduction.step] = taken_fen.get(deduction.step, 0) + sum(deduction.line_fen)
    if draft.freight_discount_fen:
        taken_fen[StepCode.FREIGHT_COUPON] = draft.freight_discount_fen
    discount_fen = sum(taken_fen.values())
    return Quote(
        lines=_lines(request, draft),
        goods_fen=goods_fen,
        discount_fen=discount_fen,
        discount_fen_by_step=taken_fen,
        coupon_discount_fen=taken_fen.get(StepCode.COUPON, 0),
        points_used=sum(draft.points_used),
        points_discount_fen=taken_fen.get(StepCode.POINTS, 0),
        freight_fen=draft.freight_fen,
        freight_discount_fen=draft.freight_discount_fen,
        payable_fen=goods_fen + draft.freight_fen - discount_fen,
        explanation=_explanation(request, draft, goods_fen),
        rejected=draft.rejected,
    )


def _lines(request: PriceRequest, draft: Draft) -> tuple[PricedLine, ...]:
    return tuple(
        PricedLine(
            line_key=line.line_key,
            sku_id=line.sku_id,
            quantity=line.quantity,
            list_fen=line.list_fen,
            discounts=tuple(
                Adjustment(taken.step, taken.source_id, taken.source_name, taken.line_fen[number])
                for taken in draft.deductions
                if taken.line_fen[number]
            ),
            payable_fen=draft.payable_fen[number],
            points_used=draft.points_used[number],
        )
        for number, line in enumerate(request.lines)
    )


def _explanation(request: PriceRequest, draft: Draft, goods_fen: int) -> tuple[Explanation, ...]:
    goods = tuple(LineAmount(line.line_key, line.list_fen) for line in request.lines)
    told = [Explanation(StepCode.GOODS, NAMES[StepCode.GOODS], "", "", goods_fen, goods)]
    told += [_explained(request, deduction) for deduction in draft.deductions]
    told.append(
        Explanation(StepCode.FREIGHT, NAMES[StepCode.FREIGHT], "", "", draft.freight_fen, ()),
    )
    if draft.freight_discount_fen and request.coupon:
        coupon, name = request.coupon, NAMES[StepCode.FREIGHT_COUPON]
        saved_fen = draft.freight_discount_fen
        told.append(
            Explanation(StepCode.FREIGHT_COUPON, name, str(coupon.id), coupon.name, -saved_fen, ()),
        )
    return tuple(told)


def _explained(request: PriceRequest, deduction: Deduction) -> Explanation:
    lines = tuple(
        LineAmount(line.line_key, -taken_fen)
        for line, taken_fen in zip(request.lines, deduction.line_fen, strict=True)
        if taken_fen
    )
    return Explanation(
        deduction.step,
        NAMES[deduction.step],
        deduction.source_id,
        deduction.source_name,
        -sum(deduction.line_fen),
        lines,
    )
