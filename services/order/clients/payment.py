"""What the order service asks of the payment service: to collect, to stop collecting, and how it stands."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.http.identity import Principal
from shared.http.services import Services


class PaymentStatus(StrEnum):
    """How collecting for an order stands."""

    PAYING = "paying"
    SUCCEEDED = "succeeded"
    CLOSING = "closing"
    CLOSED = "closed"


class Payment(BaseModel):
    """The payment of an order; `request_payment` is what `wx.requestPayment` takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: PaymentStatus
    request_payment: dict[str, Any] | None = None
    transaction_id: str | None = None


async def collect(
    services: Services,
    order_id: UUID,
    *,
    order_number: str,
    member_id: UUID,
    payer_openid: str | None,
    amount_fen: int,
    description: str,
    expires_at: datetime,
    on_behalf_of: Principal,
) -> Payment:
    """Have the amount collected, or go on collecting it; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "payment",
        "PUT",
        f"/internal/payments/{order_id}",
        on_behalf_of=on_behalf_of,
        json={
            "order_number": order_number,
            "member_id": member_id,
            "payer_openid": payer_openid,
            "amount_fen": amount_fen,
            "description": description,
            "expires_at": expires_at,
        },
    )
    return Payment.model_validate(answer.json())


async def stop_collecting(services: Services, order_id: UUID, *, on_behalf_of: Principal) -> PaymentStatus:
    """Close the payment unless it succeeded; raises ServiceUnavailable while the outcome is unknown."""
    answer = await services.call(
        "payment", "POST", f"/internal/payments/{order_id}/close", on_behalf_of=on_behalf_of
    )
    return PaymentStatus(answer.json()["status"])


async def payment_of(services: Services, order_id: UUID, *, on_behalf_of: Principal) -> Payment:
    """The order's payment; raises UpstreamProblem, ServiceUnavailable."""
    answer = await services.call(
        "payment", "GET", f"/internal/payments/{order_id}", on_behalf_of=on_behalf_of
    )
    return Payment.model_validate(answer.json())
