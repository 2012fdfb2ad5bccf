"""The campaign service's worker: reactions to orders, and the expiry of coupons."""

from services.campaign.buyers.reactions import reactions as buyers
from services.campaign.coupons.reactions import reactions as coupons
from services.campaign.coupons.timers import timers as coupon_timers
from services.campaign.resources import open_resources
from services.campaign.settings import Settings
from shared.messaging.transport import Transport
from shared.process import work
from shared.resources import Resources
from shared.worker import Worker

REACTIONS = (coupons, buyers)


def create_worker(resources: Resources, transport: Transport) -> Worker:
    """Everything of the campaign service that happens without a request."""
    return Worker(resources, transport, reactions=REACTIONS, timers=[coupon_timers])


def main() -> None:
    """Work until told to stop."""
    work("campaign", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
