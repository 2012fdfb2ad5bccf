"""What the order service asks of the catalog: live SKUs, and stock held for an order."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.http.identity import Principal
from shared.http.services import CHECKOUT_SECONDS, Services

INSUFFICIENT_STOCK = "catalog/insufficient-stock"
"""How the catalog calls it that there is not so much left."""


class Sku(BaseModel):
    """A SKU as the catalog sells it now; `category_ids` run from its own category up to the root."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku_id: UUID
    sku_code: str
    product_id: UUID
    product_name: str
    options: dict[str, str]
    image_url: str | None
    category_ids: tuple[UUID, ...]
    unit_price_fen: int
    market_price_fen: int | None
    is_on_sale: bool
    available: int
    after_sale_policy: dict[str, Any] | None


async def look_up(
    services: Services,
    sku_ids: Collection[UUID],
    *,
    on_behalf_of: Principal,
    seconds: float = CHECKOUT_SECONDS,
) -> dict[UUID, Sku]:
    """The SKUs among these that exist, by id; raises ServiceUnavailable."""
    if not sku_ids:
        return {}
    answer = await services.call(
        "catalog",
        "POST",
        "/internal/skus/lookup",
        on_behalf_of=on_behalf_of,
        json={"sku_ids": sorted(sku_ids)},
        seconds=seconds,
    )
    skus = map(Sku.model_validate, answer.json()["items"])
    return {sku.sku_id: sku for sku in skus}


async def reserve_stock(
    services: Services,
    order_id: UUID,
    *,
    member_id: UUID,
    quantities: Mapping[UUID, int],
    on_behalf_of: Principal,
) -> None:
    """Hold stock for an order; raises UpstreamProblem (what is left), ServiceUnavailable."""
    lines = [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in quantities.items()]
    answer = await services.call(
        "catalog",
        "PUT",
        f"/internal/reservations/{order_id}",
        on_behalf_of=on_behalf_of,
        json={"member_id": member_id, "lines": lines},
    )
    answer.json()


async def release_stock(services: Services, order_id: UUID, *, on_behalf_of: Principal) -> None:
    """Let the order's stock go, now or before it was ever held; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "catalog", "POST", f"/internal/reservations/{order_id}/release", on_behalf_of=on_behalf_of
    )
    answer.json()
