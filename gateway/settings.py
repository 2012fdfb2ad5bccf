"""What the gateway is told."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from gateway.limits.priority import TURNED_AWAY_IN_ORDER, Priority
from gateway.limits.rates import Limit, Rate
from shared.settings import ServiceSettings, service_config


def _shares() -> dict[Priority, int]:
    return dict(zip(TURNED_AWAY_IN_ORDER, (50, 60, 65, 70, 80, 100), strict=True))


def _rate(value: object) -> object:
    return Rate.parse(value) if isinstance(value, str) else value


def _in_order(shares: dict[Priority, int]) -> dict[Priority, int]:
    """Every priority that may be shed has a share, and the more important ones no smaller one."""
    found = [shares.get(priority, 0) for priority in TURNED_AWAY_IN_ORDER]
    if found != sorted(found) or found[0] < 1 or found[-1] > 100 or len(shares) != len(found):
        raise ValueError(f"needs 1 to 100 for {', '.join(TURNED_AWAY_IN_ORDER)}, rising in this order")
    return shares


WrittenRate = Annotated[Rate, NoDecode, BeforeValidator(_rate)]
"""``20/s``, ``10/min``, ``2/h`` or ``40/2s`` in the environment."""


class Settings(ServiceSettings):
    """The gateway's settings; the first start makes the owner's account when there is no operator yet.

    The limits are told in docs/architecture/overload.md.
    """

    model_config = service_config("GATEWAY_")

    owner_username: str = "owner"
    owner_password: SecretStr | None = None
    session_idle: timedelta = timedelta(days=7)
    session_absolute: timedelta = timedelta(days=30)
    sessions_per_member: int = 5
    trusted_proxies: int = 0

    limit_anonymous: WrittenRate = Rate(20, 1)
    limit_member: WrittenRate = Rate(10, 1)
    limit_operator: WrittenRate = Rate(30, 1)
    limit_login: WrittenRate = Rate(10, 60)
    limit_order: WrittenRate = Rate(
        12, 120
    )  # six a minute; repeats with the same key count, so a larger bucket
    limit_claim: WrittenRate = Rate(10, 60)
    limit_search: WrittenRate = Rate(5, 1)
    limit_media: WrittenRate = Rate(200, 1)
    limit_member_at_once: Annotated[int, Field(ge=1)] = 8
    limits_scale: Annotated[float, Field(gt=0)] = 1.0
    """Every limit of one caller times this; for rehearsals in which one machine plays a whole crowd."""

    limit_under_way: Annotated[int, Field(ge=10)] = 160
    limit_under_way_at_service: Annotated[int, Field(ge=10)] = 64
    limit_waiting: Annotated[int, Field(ge=0)] = 6_000
    """So many requests that are worth it wait in line for room."""
    limit_fastest_answer: timedelta = timedelta(milliseconds=200)
    """Fewer requests get in while even the fastest answer takes longer."""
    limit_shares: Annotated[dict[Priority, int], AfterValidator(_in_order), Field(default_factory=_shares)]
    """Up to how many percent of the requests under way each priority gets in."""

    @cached_property
    def rates(self) -> Mapping[Limit, Rate]:
        """The rate of each limit, scaled."""
        return {limit: getattr(self, f"limit_{limit}").times(self.limits_scale) for limit in Limit}

    @property
    def member_requests_at_once(self) -> int:
        """How many requests of one member may be under way, scaled."""
        return max(1, round(self.limit_member_at_once * self.limits_scale))
