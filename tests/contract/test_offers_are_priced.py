"""What the campaign service answers about a cart is what the price engine takes in (MK-17): neither imports the other."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.order.clients.campaign import Offers
from services.order.pricing import ENGINE_VERSION, RejectionCode, StepCode, dump, load_request, price
from shared.clock import ManualClock
from shared.ids import new_id
from tests.integration.campaign.giveaways import AT, Campaign, a_line
from tests.support.shop import open_shop
from tests.support.wechat import WeChat


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def campaign(wechat: WeChat) -> AsyncIterator[Campaign]:
    """A campaign service with no offers yet."""
    clock = ManualClock(AT)
    async with open_shop(wechat, clock=clock, names=["campaign"], working=False) as shop:
        yield Campaign(shop, clock)


def _request(lines: list[dict[str, Any]], offers: dict[str, Any]) -> dict[str, Any]:
    """The price engine's stored form of a cart with these offers."""
    return {
        "engine_version": ENGINE_VERSION,
        "lines": [{"sku_id": str(new_id())} | line for line in lines],
        "freight": {"fee_fen": 800, "free_from_fen": None},
        "member": None,
        "full_reductions": offers["full_reductions"],
        "coupon": offers["coupon"],
        "points": None,
    }


@pytest.mark.parametrize(
    ("terms", "saved_fen", "freight_saved_fen"),
    [
        ({"kind": "amount", "amount_fen": 1_000}, 1_000, 0),
        ({"kind": "percent", "amount_fen": 0, "discount_bp": 9_000}, 2_700, 0),
        ({"kind": "percent", "amount_fen": 0, "discount_bp": 9_000, "cap_fen": 500}, 500, 0),
        ({"kind": "freight", "amount_fen": 0, "cap_fen": 600}, 0, 600),
    ],
    ids=["10 yuan off", "90 % to pay", "90 % to pay, at most 5 yuan", "6 yuan of freight"],
)
async def test_every_kind_of_offer_is_priced_as_it_was_drafted(
    campaign: Campaign, terms: dict[str, Any], saved_fen: int, freight_saved_fen: int
) -> None:
    member_id, lines = new_id(), [a_line(10_000, 2), a_line(10_000)]
    scope = {"kind": "products", "ids": [line["product_id"] for line in lines]}
    tiers = [{"threshold_fen": 30_000, "reduction_fen": 3_000}, {"threshold_quantity": 9, "reduction_fen": 1}]
    await campaign.full_reduction(scope=scope, tiers=tiers)
    coupon_id = await campaign.coupon(member_id, scope=scope, **terms)

    answer = await campaign.offers(member_id, *lines, coupon_id=coupon_id)

    stored = _request(lines, answer)
    request = load_request(stored)
    assert dump(request) == stored
    known = Offers.model_validate(answer)
    assert (known.full_reductions, known.coupon) == (request.full_reductions, request.coupon)
    quote = price(request)
    assert quote.payable_fen == 30_000 - 3_000 - saved_fen + 800 - freight_saved_fen


async def test_a_coupon_for_other_goods_is_rejected_by_the_price_engine(campaign: Campaign) -> None:
    member_id, lines = new_id(), [a_line(10_000)]
    coupon_id = await campaign.coupon(member_id, scope={"kind": "categories", "ids": [str(new_id())]})

    answer = await campaign.offers(member_id, *lines, coupon_id=coupon_id)

    [rejection] = price(load_request(_request(lines, answer))).rejected
    assert (rejection.step, rejection.source_id, rejection.code) == (
        StepCode.COUPON,
        coupon_id,
        RejectionCode.OUT_OF_SCOPE,
    )
