"""The campaign service's HTTP process."""

from fastapi import FastAPI

from services.campaign.coupon_templates.api import router as coupon_templates
from services.campaign.coupons.api import router as coupons
from services.campaign.offers.api import router as offers
from services.campaign.promotions.api import router as promotions
from services.campaign.resources import open_resources
from services.campaign.settings import Settings
from shared.http.app import create_service_app
from shared.process import serve
from shared.resources import Resources


def create_app(resources: Resources) -> FastAPI:
    """The campaign service's routes; what checkout waits for comes first."""
    return create_service_app(
        resources, offers, coupons, coupon_templates, promotions, title="Jishi campaign"
    )


def main() -> None:
    """Serve until told to stop."""
    serve("campaign", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
