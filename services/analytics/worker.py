"""The analytics service's worker: records what the others announce, and forgets what need not be kept."""

from services.analytics.collect.timers import timers as collect
from services.analytics.facts.reactions import reactions as facts
from services.analytics.resources import open_worker_resources
from services.analytics.settings import Settings
from shared.messaging.transport import Transport
from shared.process import work
from shared.resources import Resources
from shared.worker import Worker

REACTIONS = (facts,)


def create_worker(resources: Resources, transport: Transport) -> Worker:
    """Everything of the analytics service that happens without a request."""
    return Worker(resources, transport, reactions=REACTIONS, timers=[collect])


def main() -> None:
    """Work until told to stop."""
    work("analytics", Settings, open_worker_resources, create_worker)


if __name__ == "__main__":
    main()
