"""The order service's HTTP process."""

from fastapi import FastAPI

from services.order.after_sales.api import router as after_sales
from services.order.after_sales.operator_api import router as operator_after_sales
from services.order.after_sales.rules_api import router as after_sale_rules
from services.order.carts.api import router as carts
from services.order.checkout.api import router as checkout
from services.order.freight.api import router as freight
from services.order.orders.api import router as orders
from services.order.orders.operator_api import router as operator_orders
from services.order.orders.plain import PlainRefusals
from services.order.refunds.api import router as refunds
from services.order.resources import OrderResources, open_resources
from services.order.rules.api import router as rules
from services.order.settings import Settings
from services.order.shipments.api import router as shipments
from services.order.shipments.logistics_api import router as logistics
from shared.http.app import create_service_app
from shared.process import serve


def create_app(resources: OrderResources) -> FastAPI:
    """The order service's routes."""
    app = create_service_app(
        resources,
        carts,
        checkout,
        orders,
        operator_orders,
        shipments,
        logistics,
        refunds,
        after_sales,
        operator_after_sales,
        after_sale_rules,
        freight,
        rules,
        title="Jishi order",
    )
    app.router.routes[:0] = [PlainRefusals(resources)]
    return app


def main() -> None:
    """Serve until told to stop."""
    serve("order", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
