"""What an event is, and the registry of all of them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """A fact that happened, announced once, in the past tense.

    ``type`` is the routing key, ``subject`` the name of the field that identifies the aggregate. Fields are added,
    never changed; a new meaning is a ``v2`` announced beside ``v1``. Unknown fields are ignored (K7). What ``is_awaited`` by
    somebody is relayed at once; the others may wait a moment for more of their kind.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    subject: ClassVar[str]
    announced_by: ClassVar[str]
    is_awaited: ClassVar[bool] = False

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        if "type" in cls.__dict__:
            if cls.type in EVENT_TYPES:
                raise TypeError(f"two events are called {cls.type}")
            EVENT_TYPES[cls.type] = cls


EVENT_TYPES: dict[str, type[Event]] = {}


class Envelope(BaseModel):
    """CloudEvents' words around one event (K7), plus the trace that caused it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: str = "1.0"
    id: UUID
    source: str
    type: str
    time: datetime
    subject: str
    traceparent: str | None = None
    data: dict[str, object]
