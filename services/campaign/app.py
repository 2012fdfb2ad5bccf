"""The campaign service's HTTP process."""

from fastapi import FastAPI

from services.campaign.coupon_templates import api as coupon_templates
from services.campaign.coupons import api as coupons
from services.campaign.offers import api as offers
from services.campaign.promotions import api as promotions
from services.campaign.resources import open_resources
from services.campaign.settings import Settings
from shared.http.app import create_service_app
from shared.process import serve
from shared.resources import Resources


def create_app(resources: Resources) -> FastAPI:
    """The campaign service's routes."""
    return create_service_app(
        resources,
        coupon_templates.public,
        coupon_templates.operator,
        coupons.public,
        coupons.internal,
        promotions.public,
        promotions.operator,
        offers.internal,
        title="Jishi campaign",
    )


def main() -> None:
    """Serve until told to stop."""
    serve("campaign", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
