"""The payment service's worker: refunds on orders' word, and the timers that ask WeChat Pay."""

from functools import partial

from services.payment.ledger.seals import keep_sealed
from services.payment.payments.timers import timers as payments
from services.payment.profit_sharing.reactions import reactions as profit_sharing
from services.payment.profit_sharing.timers import timers as sharing_timers
from services.payment.reconciliation.timers import timers as reconciliation
from services.payment.refunds.reactions import reactions as refunds
from services.payment.refunds.timers import timers as refund_timers
from services.payment.resources import PaymentResources, open_resources
from services.payment.settings import Settings
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker

TIMERS = (payments, refund_timers, sharing_timers, reconciliation)
REACTIONS = (refunds, profit_sharing)


def create_worker(resources: PaymentResources, transport: Transport) -> Worker:
    """Everything of the payment service that happens without a request."""
    return Worker(
        resources,
        transport,
        reactions=REACTIONS,
        timers=TIMERS,
        loops={"seals": partial(keep_sealed, resources)},
    )


def main() -> None:
    """Work until told to stop."""
    work("payment", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
