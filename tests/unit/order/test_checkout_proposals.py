"""From wishes to a quote with remarks, and what is refused when ordering (MK-17, section 4.E)."""

from typing import Any
from uuid import UUID

import pytest

from services.order.checkout.notes import (
    AddressNeeded,
    CouponNotUsable,
    LineNotAvailable,
    PointsNotUsable,
    refuse,
)
from services.order.checkout.proposal import Gathered, NothingToBuy, Proposal, propose
from services.order.checkout.wishes import Wish
from services.order.clients.campaign import CouponProblem
from services.order.pricing import CouponKind
from shared.http.problems import Invalid, NotFound
from shared.http.services import ServiceUnavailable
from shared.ids import new_id
from tests.unit.order.orders import NO_OFFERS, a_sku, a_standing, gathered
from tests.unit.order.pricing.carts import a_coupon


def told(proposal: Proposal) -> list[tuple[str, dict[str, Any]]]:
    return [(note.code.value, note.members) for note in proposal.notes]


def test_a_quote_that_grants_every_wish_has_no_remarks() -> None:
    mug = a_sku(unit_price_fen=1_000)
    proposal = propose(gathered(mug, quantity=2, wish=Wish(use_points=100)))
    assert told(proposal) == []
    quote = proposal.quote
    assert (quote.goods_fen, quote.points_used, quote.freight_fen) == (2_000, 100, 800)
    assert quote.payable_fen == 2_000 - 100 - 100 + 800
    refuse(proposal.notes)


def test_what_is_gone_is_left_out_of_the_price_and_refused_when_ordering() -> None:
    mug, gone = a_sku(), a_sku(is_on_sale=False)
    proposal = propose(gathered(mug, gone))
    assert [line.sku_id for line in proposal.lines] == [mug.sku_id]
    assert proposal.quote.goods_fen == 2_000
    assert [(note.code, note.sku_id) for note in proposal.notes] == [("line_not_available", gone.sku_id)]
    with pytest.raises(LineNotAvailable) as refused:
        refuse(proposal.notes)
    assert refused.value.document()["sku_id"] == str(gone.sku_id)


def test_nothing_that_can_be_bought_is_refused_at_once() -> None:
    gone = a_sku(is_on_sale=False)
    with pytest.raises(NothingToBuy):
        propose(gathered(gone))
    with pytest.raises(NothingToBuy):
        propose(gathered())


def test_short_stock_is_only_remarked_because_the_reservation_decides() -> None:
    mug = a_sku(available=1)
    proposal = propose(gathered(mug))
    assert told(proposal) == [("short_of_stock", {"wanted": 2, "available": 1})]
    refuse(proposal.notes)


def test_more_points_than_there_are_or_may_be_used_are_remarked_with_what_may() -> None:
    mug = a_sku(unit_price_fen=1_000)
    beyond_balance = propose(gathered(mug, wish=Wish(use_points=800)))
    assert told(beyond_balance) == [("points_not_usable", {"usable_points": 500})]
    beyond_ratio = propose(
        gathered(mug, wish=Wish(use_points=5_000), standing=a_standing(spendable_points=9_000))
    )
    assert told(beyond_ratio) == [("points_not_usable", {"usable_points": 950})]
    assert beyond_ratio.quote.points_used == 950
    with pytest.raises(PointsNotUsable) as refused:
        refuse(beyond_ratio.notes)
    assert refused.value.document()["usable_points"] == 950


def with_coupon_problem(code: str) -> Gathered:
    problem = CouponProblem(code=code, detail="…")
    offers = NO_OFFERS.model_copy(update={"coupon_problem": problem})
    return gathered(a_sku(), wish=Wish(coupon_id=new_id()), offers=offers)


def test_a_coupon_that_the_campaign_refuses_is_a_remark_and_then_a_problem() -> None:
    proposal = propose(with_coupon_problem("expired"))
    assert told(proposal) == [("coupon_not_usable", {"reason": "expired"})]
    with pytest.raises(CouponNotUsable):
        refuse(proposal.notes)


def test_another_members_coupon_is_as_unknown_as_one_that_never_was() -> None:
    proposal = propose(with_coupon_problem("unknown"))
    assert told(proposal) == [("coupon_unknown", {})]
    with pytest.raises(NotFound):
        refuse(proposal.notes)


def test_a_coupon_below_its_threshold_tells_what_is_missing() -> None:
    coupon = a_coupon(CouponKind.AMOUNT, amount_fen=500, threshold_fen=5_000)
    offers = NO_OFFERS.model_copy(update={"coupon": coupon})
    standing = a_standing().model_copy(
        update={"level": a_standing().level.model_copy(update={"discount_bp": 10_000})}
    )
    proposal = propose(gathered(a_sku(), wish=Wish(coupon_id=coupon.id), offers=offers, standing=standing))
    assert told(proposal) == [("coupon_not_usable", {"reason": "below_threshold", "missing_fen": 3_000})]
    assert proposal.quote.coupon_discount_fen == 0


def test_without_the_member_service_there_is_a_price_without_level_and_points() -> None:
    proposal = propose(gathered(a_sku(), standing=None, wish=Wish(use_points=100)))
    assert told(proposal) == [("member_unavailable", {}), ("points_not_usable", {"usable_points": 0})]
    assert proposal.quote.payable_fen == 2_800
    with pytest.raises(PointsNotUsable):
        refuse(proposal.notes)
    refuse(propose(gathered(a_sku(), standing=None)).notes)


def test_without_the_campaign_service_an_order_can_be_placed_unless_a_coupon_was_chosen() -> None:
    refuse(propose(gathered(a_sku(), offers=None)).notes)
    chosen = propose(gathered(a_sku(), offers=None, wish=Wish(coupon_id=new_id())))
    assert [note.code for note in chosen.notes] == ["offers_unavailable", "coupon_unchecked"]
    with pytest.raises(ServiceUnavailable):
        refuse(chosen.notes)


def test_an_order_needs_an_address() -> None:
    with pytest.raises(AddressNeeded):
        refuse(propose(gathered(a_sku(), address=None)).notes)


def test_an_order_beyond_the_most_it_may_cost_is_invalid() -> None:
    with pytest.raises(Invalid):
        propose(gathered(a_sku(unit_price_fen=10_000_000), quantity=9_999))


def test_the_fingerprint_changes_with_the_price_and_not_with_remarks() -> None:
    sku_id = UUID(int=1)
    mug = a_sku(sku_id=sku_id, product_id=UUID(int=2), available=9)
    short = mug.model_copy(update={"available": 1})
    dearer = mug.model_copy(update={"unit_price_fen": 1_001})
    assert propose(gathered(mug)).fingerprint == propose(gathered(short)).fingerprint
    assert propose(gathered(mug)).fingerprint != propose(gathered(dearer)).fingerprint
