"""What the order service asks of the campaign service: offers on a cart, and a coupon locked for an order."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.order.pricing import Coupon, FullReduction, Line
from shared.http.identity import Principal
from shared.http.services import Services


class CouponProblem(BaseModel):
    """Why the wished coupon cannot be used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    detail: str


class UsableCoupon(BaseModel):
    """A coupon of the member's that may be used on this cart."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    coupon_id: UUID
    name: str
    kind: str
    expires_at: datetime | None


class Offers(BaseModel):
    """What the shop offers on a cart, in the price engine's own values."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    full_reductions: tuple[FullReduction, ...]
    coupon: Coupon | None
    coupon_problem: CouponProblem | None
    usable_coupons: tuple[UsableCoupon, ...]


async def offers(
    services: Services,
    *,
    member_id: UUID,
    coupon_id: UUID | None,
    lines: Sequence[Line],
    at: datetime,
    on_behalf_of: Principal,
) -> Offers:
    """The offers on these lines; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "campaign",
        "POST",
        "/internal/offers",
        on_behalf_of=on_behalf_of,
        json={
            "member_id": member_id,
            "coupon_id": coupon_id,
            "lines": [
                {
                    "line_key": line.line_key,
                    "product_id": line.product_id,
                    "category_ids": list(line.category_ids),
                    "unit_price_fen": line.unit_price_fen,
                    "quantity": line.quantity,
                }
                for line in lines
            ],
            "at": at,
        },
    )
    return Offers.model_validate(answer.json())


async def lock_coupon(
    services: Services, order_id: UUID, *, member_id: UUID, coupon_id: UUID, on_behalf_of: Principal
) -> None:
    """Lock a coupon for an order; raises UpstreamProblem (why not), ServiceUnavailable."""
    answer = await services.call(
        "campaign",
        "PUT",
        f"/internal/coupon-locks/{order_id}",
        on_behalf_of=on_behalf_of,
        json={"member_id": member_id, "coupon_id": coupon_id},
    )
    answer.json()


async def release_coupon(services: Services, order_id: UUID, *, on_behalf_of: Principal) -> None:
    """Let the order's coupon go; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "campaign", "POST", f"/internal/coupon-locks/{order_id}/release", on_behalf_of=on_behalf_of
    )
    answer.json()
