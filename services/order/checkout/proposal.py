"""From what was gathered to a priced proposal; pure (MK-17, section 4.E)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.order.checkout.notes import Note, NoteCode
from services.order.checkout.wishes import Wish, WishedLine
from services.order.clients.campaign import Offers, UsableCoupon
from services.order.clients.catalog import Sku
from services.order.clients.member import Address, Standing
from services.order.pricing import (
    ENGINE_VERSION,
    FreightRule,
    InvalidPriceRequest,
    Line,
    MemberStanding,
    PointsWish,
    PriceRequest,
    Quote,
    Rejection,
    StepCode,
    fingerprint,
    price,
)
from shared.http.problems import Invalid, Problem

UNKNOWN_COUPON = "unknown"
"""How the campaign service calls a coupon that the member does not have."""


class NothingToBuy(Problem):
    """None of the wished lines can be bought."""

    slug, title, status = "order/nothing-to-buy", "There is nothing to buy", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that bears on a price; `standing` or `offers` is None when its service is away."""

    wish: Wish
    lines: Sequence[WishedLine]
    skus: Mapping[UUID, Sku]
    freight: FreightRule
    standing: Standing | None
    offers: Offers | None
    address: Address | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A priced order that nobody has agreed to yet; `lines` are those that can be bought."""

    lines: Sequence[WishedLine]
    skus: Mapping[UUID, Sku]
    request: PriceRequest
    quote: Quote
    fingerprint: str
    notes: Sequence[Note]
    usable_coupons: Sequence[UsableCoupon]
    address: Address | None
    spendable_points: int


def price_lines(lines: Sequence[WishedLine], skus: Mapping[UUID, Sku]) -> tuple[Line, ...]:
    """The lines that can be bought, at their list price; raises NothingToBuy."""
    found = tuple(
        Line(
            line_key=str(line.sku_id),
            sku_id=line.sku_id,
            product_id=skus[line.sku_id].product_id,
            category_ids=skus[line.sku_id].category_ids,
            unit_price_fen=skus[line.sku_id].unit_price_fen,
            quantity=line.quantity,
        )
        for line in lines
        if _can_be_bought(line, skus)
    )
    if not found:
        raise NothingToBuy(sku_ids=[str(line.sku_id) for line in lines])
    return found


def propose(gathered: Gathered) -> Proposal:
    """Price what was gathered; raises NothingToBuy, and Invalid above the most an order may cost (K1)."""
    wish, standing, offers = gathered.wish, gathered.standing, gathered.offers
    try:
        request = PriceRequest(
            engine_version=ENGINE_VERSION,
            lines=price_lines(gathered.lines, gathered.skus),
            freight=gathered.freight,
            member=_member(standing),
            full_reductions=offers.full_reductions if offers else (),
            coupon=offers.coupon if offers else None,
            points=_points(standing, wish),
        )
    except InvalidPriceRequest as error:
        raise Invalid(str(error)) from error
    quote = price(request)
    return Proposal(
        lines=[line for line in gathered.lines if _can_be_bought(line, gathered.skus)],
        skus=gathered.skus,
        request=request,
        quote=quote,
        fingerprint=fingerprint(quote),
        notes=[
            *_line_notes(gathered),
            *_address_notes(gathered),
            *_coupon_notes(gathered, quote),
            *_points_notes(gathered, quote),
        ],
        usable_coupons=offers.usable_coupons if offers else (),
        address=gathered.address,
        spendable_points=standing.spendable_points if standing else 0,
    )


def _member(standing: Standing | None) -> MemberStanding | None:
    if standing is None:
        return None
    level = standing.level
    return MemberStanding(level_code=level.code, level_name=level.name, discount_bp=level.discount_bp)


def _points(standing: Standing | None, wish: Wish) -> PointsWish | None:
    if standing is None:
        return None
    return PointsWish(
        requested_points=min(wish.use_points, standing.spendable_points),
        points_per_yuan=standing.points_per_yuan,
        max_ratio_bp=standing.points_max_ratio_bp,
        step_points=1,
    )


def _can_be_bought(line: WishedLine, skus: Mapping[UUID, Sku]) -> bool:
    return line.sku_id in skus and skus[line.sku_id].is_on_sale


def _line_notes(gathered: Gathered) -> list[Note]:
    notes = []
    for line in gathered.lines:
        if not _can_be_bought(line, gathered.skus):
            notes.append(Note(NoteCode.LINE_NOT_AVAILABLE, "This is no longer on sale.", line.sku_id))
        elif (available := gathered.skus[line.sku_id].available) < line.quantity:
            notes.append(
                Note(
                    NoteCode.SHORT_OF_STOCK,
                    f"Only {available} left.",
                    line.sku_id,
                    {"wanted": line.quantity, "available": available},
                )
            )
    return notes


def _address_notes(gathered: Gathered) -> list[Note]:
    if gathered.address is not None:
        return []
    return [Note(NoteCode.ADDRESS_NEEDED, "There is no delivery address yet.")]


def _coupon_notes(gathered: Gathered, quote: Quote) -> list[Note]:
    coupon_id, offers = gathered.wish.coupon_id, gathered.offers
    notes = []
    if offers is None:
        notes.append(Note(NoteCode.OFFERS_UNAVAILABLE, "Promotions cannot be looked up right now."))
        if coupon_id is not None:
            notes.append(Note(NoteCode.COUPON_UNCHECKED, "Coupons cannot be used right now."))
    elif offers.coupon_problem is not None:
        problem = offers.coupon_problem
        unknown = problem.code == UNKNOWN_COUPON
        code = NoteCode.COUPON_UNKNOWN if unknown else NoteCode.COUPON_NOT_USABLE
        notes.append(Note(code, problem.detail, members={} if unknown else {"reason": problem.code}))
    steps = (StepCode.COUPON, StepCode.FREIGHT_COUPON)
    return notes + [_coupon_rejected(rejected) for rejected in quote.rejected if rejected.step in steps]


def _coupon_rejected(rejected: Rejection) -> Note:
    return Note(
        NoteCode.COUPON_NOT_USABLE,
        "This coupon does not fit these goods.",
        members={"reason": rejected.code.value, "missing_fen": rejected.missing_fen},
    )


def _points_notes(gathered: Gathered, quote: Quote) -> list[Note]:
    notes = []
    if gathered.standing is None:
        notes.append(Note(NoteCode.MEMBER_UNAVAILABLE, "Level and points cannot be looked up right now."))
    if quote.points_used < gathered.wish.use_points:
        notes.append(
            Note(
                NoteCode.POINTS_NOT_USABLE,
                f"At most {quote.points_used} points can be used here.",
                members={"usable_points": quote.points_used},
            )
        )
    return notes
