"""What the order service asks of the member service: standing, an address, points held, the payer."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.http.identity import Principal
from shared.http.services import Services


class Level(BaseModel):
    """A member's level; `discount_bp` is what is still paid."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    name: str
    discount_bp: int


class Address(BaseModel):
    """Where an order goes; personal data, kept only sealed (SEC11)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address_id: UUID
    recipient: str
    phone: str
    province: str
    city: str
    district: str
    street: str
    postal_code: str | None = None


class Standing(BaseModel):
    """What a member's standing means for an order: the level, the points to pay with, the usual address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    level: Level
    spendable_points: int
    points_per_yuan: int
    points_max_ratio_bp: int
    default_address: Address | None


async def standing(services: Services, member_id: UUID, *, on_behalf_of: Principal) -> Standing:
    """The member's standing; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "member", "GET", f"/internal/members/{member_id}/standing", on_behalf_of=on_behalf_of
    )
    return Standing.model_validate(answer.json())


async def address(
    services: Services, member_id: UUID, address_id: UUID, *, on_behalf_of: Principal
) -> Address:
    """The member's address in full; raises UpstreamProblem (404 for another's), ServiceUnavailable."""
    answer = await services.call(
        "member",
        "GET",
        f"/internal/members/{member_id}/addresses/{address_id}",
        on_behalf_of=on_behalf_of,
    )
    return Address.model_validate(answer.json())


async def hold_points(
    services: Services, order_id: UUID, *, member_id: UUID, points: int, on_behalf_of: Principal
) -> None:
    """Hold points for an order; raises UpstreamProblem (what can be spent), ServiceUnavailable."""
    answer = await services.call(
        "member",
        "PUT",
        f"/internal/points-holds/{order_id}",
        on_behalf_of=on_behalf_of,
        json={"member_id": member_id, "points": points},
    )
    answer.json()


async def release_points(services: Services, order_id: UUID, *, on_behalf_of: Principal) -> None:
    """Let the order's points go; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "member", "POST", f"/internal/points-holds/{order_id}/release", on_behalf_of=on_behalf_of
    )
    answer.json()


async def openid(services: Services, member_id: UUID, *, on_behalf_of: Principal) -> str:
    """The member's wechat_openid; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "member", "GET", f"/internal/members/{member_id}/contact", on_behalf_of=on_behalf_of
    )
    found: str = answer.json()["wechat_openid"]
    return found
