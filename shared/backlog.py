"""What a service still has to do: what one asks first when something hangs, a gauge each, and an alarm (4.C, K16)."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime

from opentelemetry import metrics
from sqlalchemy import text

from shared.connection import Connection

log = logging.getLogger(__name__)

ALARM_SECONDS = 60.0
"""Events and timers that are later than this are an alarm: a broker's restart takes less (section 6)."""

_BACKLOG = text(
    "SELECT"
    " (SELECT count(*) FROM outbox WHERE sent_at IS NULL),"
    " (SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(created_at)))::float FROM outbox"
    "   WHERE sent_at IS NULL),"
    " (SELECT count(*) FROM stalled_events WHERE state = 'waiting'),"
    " (SELECT count(*) FROM stalled_events WHERE state = 'parked'),"
    " (SELECT count(*) FROM timers WHERE due_at <= :now),"
    " (SELECT extract(epoch FROM :now - min(due_at))::float FROM timers WHERE due_at <= :now)"
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events announced and not yet sent, events that wait or were given up on, timers that are due; ages in seconds."""

    unsent_events: int
    oldest_unsent_seconds: float
    waiting_events: int
    parked_events: int
    due_timers: int
    timer_lag_seconds: float

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look: something is late, or waits for a person."""
        return (
            max(self.oldest_unsent_seconds, self.timer_lag_seconds) > ALARM_SECONDS or self.parked_events > 0
        )


async def backlog(connection: Connection, *, at: datetime) -> Backlog:
    """What is to be done at an instant, in one statement."""
    row = (await connection.execute(_BACKLOG, {"now": at})).one()
    return Backlog(*(value or 0 for value in row))


class Gauges:
    """The backlog of one service as OpenTelemetry gauges, ``jishi.backlog.unsent_events`` and so on."""

    def __init__(self, service: str) -> None:
        meter = metrics.get_meter("jishi")
        self._service = service
        self._gauges = {
            name: meter.create_gauge(f"jishi.backlog.{name}") for name in Backlog.__dataclass_fields__
        }

    def show(self, found: Backlog) -> None:
        """Set the gauges, and say it in the log when somebody should look."""
        for name, value in asdict(found).items():
            self._gauges[name].set(value, {"service": self._service})
        if found.is_alarming:
            log.warning("backlog", extra=asdict(found))
