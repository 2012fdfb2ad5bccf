"""Asking for a price before ordering (OR-01, MK-17)."""

from services.order.checkout.bodies import CheckoutWish
from services.order.checkout.gather import make_proposal
from services.order.checkout.views import QuoteView
from services.order.resources import Own
from shared.http.app import service_router
from shared.http.callers import Member
from shared.http.work import Now

router = service_router("/checkout", tags=["checkout"])


@router.post("/preview")
async def preview(body: CheckoutWish, caller: Member, resources: Own, now: Now) -> QuoteView:
    """The price of an order, itemised and explained; nothing is held."""
    return QuoteView.of(await make_proposal(resources, caller, body.wish(), at=now))
