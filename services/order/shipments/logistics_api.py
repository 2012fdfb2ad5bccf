"""What the carrier adapter pushes: tracking events, signed over the raw body (OR-03)."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import Field

from services.order.resources import Own
from services.order.shipments.domain import TrackingEvent, TrackingStatus
from services.order.shipments.storage import Shipments
from shared.database import begin
from shared.http.app import service_router
from shared.http.bodies import Body, Instant, Text
from shared.http.problems import NotFound, Unauthenticated
from shared.http.work import Now

router = service_router("/callbacks", tags=["callbacks"])


class PushedEvent(Body):
    """One thing that happened to a parcel."""

    occurred_at: Instant
    status: Annotated[TrackingStatus, Field(strict=False)]
    description: Text
    location: Text | None = None


class LogisticsPush(Body):
    """What a carrier says of one parcel."""

    carrier: Annotated[str, Field(max_length=64)]
    tracking_number: Annotated[str, Field(max_length=64)]
    events: Annotated[list[PushedEvent], Field(min_length=1, max_length=200)]


async def _signed(
    request: Request, resources: Own, x_logistics_signature: Annotated[str, Header(max_length=64)] = ""
) -> None:
    """Raise Unauthenticated unless the header is the HMAC-SHA-256 of the raw body in hex."""
    secret = resources.settings.logistics_secret.get_secret_value().encode()
    expected = hmac.new(secret, await request.body(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), x_logistics_signature.encode()):
        raise Unauthenticated("The signature is not right.")


@router.post("/logistics", status_code=204, dependencies=[Depends(_signed)])
async def take_tracking(body: LogisticsPush, resources: Own, now: Now) -> None:
    """Note what happened to a parcel of ours; repeats and other orders of arrival change nothing."""
    async with begin(resources.engine) as work:
        shipments = Shipments(work.connection)
        if not await shipments.is_known(body.carrier, body.tracking_number):
            raise NotFound()
        events = [
            TrackingEvent(event.occurred_at, event.status, event.description, event.location)
            for event in body.events
        ]
        await shipments.add_tracking(body.carrier, body.tracking_number, events, at=now)
