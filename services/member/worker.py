"""The member service's worker: reactions to orders, and the daily expiry of points."""

from services.member.order_rewards.reactions import reactions as order_rewards
from services.member.points.timers import timers as points
from services.member.resources import MemberResources, open_resources
from services.member.settings import Settings
from shared.messaging.transport import Transport
from shared.process import work
from shared.worker import Worker

REACTIONS = (order_rewards,)


def create_worker(resources: MemberResources, transport: Transport) -> Worker:
    """Everything of the member service that happens without a request."""
    return Worker(resources, transport, reactions=REACTIONS, timers=[points])


def main() -> None:
    """Work until told to stop."""
    work("member", Settings, open_resources, create_worker)


if __name__ == "__main__":
    main()
