"""The order service's worker: reactions to payments and refunds, and the timers of orders, parcels and after-sale."""

from services.order.after_sales.timers import timers as after_sales
from services.order.orders.reactions import reactions as orders
from services.order.orders.timers import timers as order_timers
from services.order.refunds.reactions import reactions as refunds
from services.order.resources import OrderResources, open_resources
from services.order.settings import Settings
from services.order.shipments.timers import timers as shipments
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker

REACTIONS = (orders, refunds)


def create_worker(resources: OrderResources, transport: Transport) -> Worker:
    """Everything of the order service that happens without a request."""
    return Worker(resources, transport, reactions=REACTIONS, timers=[order_timers, shipments, after_sales])


def main() -> None:
    """Work until told to stop."""
    work("order", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
