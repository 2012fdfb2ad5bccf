"""The price chain (MK-17): one function a step, all of one signature, run in the order of STEPS.

Prices per unit come first, then what is spread over lines, then points, then freight. A new rule is one
more function in its place.
"""

from collections.abc import Callable
from dataclasses import replace

from services.order.pricing.draft import Deduction, Draft
from services.order.pricing.offers import Coupon, CouponKind, Scope, ScopeKind
from services.order.pricing.quote import RejectionCode, StepCode
from services.order.pricing.request import Line, PriceRequest
from shared.money import WHOLE_BP, share_bp

Step = Callable[[PriceRequest, Draft], Draft]


def lower_to_member_price(request: PriceRequest, draft: Draft) -> Draft:
    """The level's price for each unit, half a fen rounded up: a price people can read on the shelf."""
    member = request.member
    if member is None or member.discount_bp == WHOLE_BP:
        return draft
    saved = tuple(
        (line.unit_price_fen - share_bp(line.unit_price_fen, member.discount_bp)) * line.quantity
        for line in request.lines
    )
    return draft.take_off(Deduction(StepCode.MEMBER_LEVEL, member.level_code, member.level_name, saved))


def apply_full_reductions(request: PriceRequest, draft: Draft) -> Draft:
    """The rule that saves most takes all lines of its scope, then the next best of the lines left, and so on.

    Of equal savings the smaller id wins. A line is lowered by one rule at most (MK-03).
    """
    rules = [
        (rule, lines_in(rule.scope, request.lines))
        for rule in sorted(request.full_reductions, key=lambda rule: rule.id)
    ]
    free = frozenset(range(len(request.lines)))
    while rules:
        savings = []
        for rule, scope in rules:
            numbers = scope & free
            quantity = sum(request.lines[number].quantity for number in numbers)
            savings.append((rule.reduction_fen(draft.cost_fen(numbers), quantity), rule, numbers))
        saved_fen, rule, numbers = max(savings, key=lambda saving: saving[0])
        if saved_fen == 0:
            break
        draft = draft.spread(
            saved_fen, numbers, step=StepCode.FULL_REDUCTION, source_id=str(rule.id), source_name=rule.name
        )
        free -= numbers
    return draft


def redeem_coupon(request: PriceRequest, draft: Draft) -> Draft:
    """An amount or percent coupon, never for more than its goods cost (C3).

    It is left out when the goods, lowered by it, would lose free freight worth as much as it saves.
    """
    coupon = request.coupon
    if coupon is None or coupon.kind is CouponKind.FREIGHT:
        return draft
    draft, numbers = _eligible(request, draft, coupon, StepCode.COUPON)
    if not numbers:
        return draft
    eligible_fen, goods_fen = draft.cost_fen(numbers), sum(draft.payable_fen)
    saved_fen = _coupon_value_fen(coupon, eligible_fen)
    if saved_fen == 0:
        return draft.reject(StepCode.COUPON, str(coupon.id), RejectionCode.NOTHING_TO_REDUCE)
    freight = request.freight
    if freight.charge_fen(goods_fen - saved_fen) - freight.charge_fen(goods_fen) >= saved_fen:
        return draft.reject(StepCode.COUPON, str(coupon.id), RejectionCode.COSTS_MORE_FREIGHT)
    return draft.spread(
        saved_fen, numbers, step=StepCode.COUPON, source_id=str(coupon.id), source_name=coupon.name
    )


def pay_with_points(request: PriceRequest, draft: Draft) -> Draft:
    """As many of the wanted points as the shop takes for these goods; freight is paid in money (MB-04)."""
    wish = request.points
    if wish is None or wish.requested_points == 0:
        return draft
    goods_fen = sum(draft.payable_fen)
    allowed = goods_fen * wish.max_ratio_bp // WHOLE_BP * wish.points_per_yuan // 100
    used = min(wish.requested_points, allowed)
    used -= used % wish.increment
    if used:
        every_line = frozenset(range(len(request.lines)))
        worth_fen = used * 100 // wish.points_per_yuan
        draft = draft.spread(worth_fen, every_line, step=StepCode.POINTS, source_id="", source_name="")
        draft = replace(draft, points_used=draft.share(used, draft.taken_fen(StepCode.POINTS)))
    refused = wish.requested_points - used
    if refused == 0:
        return draft
    code = RejectionCode.EXCEEDS_CAP if wish.requested_points > allowed else RejectionCode.NOT_A_MULTIPLE
    return draft.reject(StepCode.POINTS, "", code, refused_points=refused)


def charge_freight(request: PriceRequest, draft: Draft) -> Draft:
    """The freight, judged after every discount but before points: those are the buyer's own money."""
    goods_fen = sum(draft.payable_fen) + sum(draft.taken_fen(StepCode.POINTS))
    return replace(draft, freight_fen=request.freight.charge_fen(goods_fen))


def redeem_freight_coupon(request: PriceRequest, draft: Draft) -> Draft:
    """A freight coupon, up to its cap and never for more than the freight (MK-02)."""
    coupon = request.coupon
    if coupon is None or coupon.kind is not CouponKind.FREIGHT:
        return draft
    draft, numbers = _eligible(request, draft, coupon, StepCode.FREIGHT_COUPON)
    if not numbers:
        return draft
    saved_fen = draft.freight_fen if coupon.cap_fen is None else min(draft.freight_fen, coupon.cap_fen)
    if saved_fen == 0:
        return draft.reject(StepCode.FREIGHT_COUPON, str(coupon.id), RejectionCode.NOTHING_TO_REDUCE)
    return replace(draft, freight_discount_fen=saved_fen)


STEPS: tuple[Step, ...] = (
    lower_to_member_price,
    apply_full_reductions,
    redeem_coupon,
    pay_with_points,
    charge_freight,
    redeem_freight_coupon,
)


def lines_in(scope: Scope, lines: tuple[Line, ...]) -> frozenset[int]:
    """The numbers of the lines an offer is for."""
    if scope.kind is ScopeKind.ALL:
        return frozenset(range(len(lines)))
    ids = frozenset(scope.ids)
    if scope.kind is ScopeKind.PRODUCTS:
        return frozenset(number for number, line in enumerate(lines) if line.product_id in ids)
    return frozenset(number for number, line in enumerate(lines) if not ids.isdisjoint(line.category_ids))


def _eligible(
    request: PriceRequest, draft: Draft, coupon: Coupon, step: StepCode
) -> tuple[Draft, frozenset[int]]:
    """The lines a coupon may count on, or none and a draft that tells why; thresholds look before points."""
    numbers = lines_in(coupon.scope, request.lines)
    if not numbers:
        return draft.reject(step, str(coupon.id), RejectionCode.OUT_OF_SCOPE), numbers
    if not coupon.stackable_with_full_reduction:
        reduced_fen = draft.taken_fen(StepCode.FULL_REDUCTION)
        numbers = frozenset(number for number in numbers if reduced_fen[number] == 0)
        if not numbers:
            return draft.reject(step, str(coupon.id), RejectionCode.NOT_STACKABLE), numbers
    points_fen = draft.taken_fen(StepCode.POINTS)
    eligible_fen = draft.cost_fen(numbers) + sum(points_fen[number] for number in numbers)
    missing_fen = coupon.threshold_fen - eligible_fen
    if missing_fen > 0:
        code = RejectionCode.BELOW_THRESHOLD
        return draft.reject(step, str(coupon.id), code, missing_fen=missing_fen), frozenset()
    return draft, numbers


def _coupon_value_fen(coupon: Coupon, eligible_fen: int) -> int:
    if coupon.kind is CouponKind.AMOUNT:
        return min(coupon.amount_fen, eligible_fen)
    saved_fen = eligible_fen - share_bp(eligible_fen, coupon.discount_bp)
    return saved_fen if coupon.cap_fen is None else min(saved_fen, coupon.cap_fen)
