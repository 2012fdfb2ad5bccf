"""The process beside the app: reactions, outbox relay, timers."""

from services.order.orders.reactions import reactions as order_reactions
from services.order.orders.timers import timers as order_timers
from services.order.refunds.reactions import reactions as refund_reactions
from services.order.resources import OrderResources, open_resources
from services.order.settings import Settings
from services.order.shipments.timers import timers as shipment_timers
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker


def create_worker(resources: OrderResources, transport: Transport) -> Worker:
    """The order service's worker."""
    return Worker(
        resources,
        transport,
        reactions=[order_reactions, refund_reactions],
        timers=[order_timers, shipment_timers],
    )


def main() -> None:
    """Work until told to stop."""
    work("order", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
