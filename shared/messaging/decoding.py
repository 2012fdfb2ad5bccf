"""From a message's bytes to events that a reaction understands; nothing malformed takes its neighbours with it (P11)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson
from pydantic import ValidationError

from shared.events.base import EVENT_TYPES, Envelope
from shared.messaging.reactions import Reaction, Received
from shared.messaging.transport import Delivery


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way through a consumer; ``received`` is None when it cannot be understood."""

    envelope: Envelope
    received: Received[Any] | None
    reason: str = ""


def decode(reaction: Reaction, delivery: Delivery, *, at: datetime) -> list[Item]:
    """The events of a message. A newer event's unknown fields are ignored (K7).

    What is no event at all becomes an item to park, like an event of unknown type; its id follows from its bytes.
    """
    try:
        elements = orjson.loads(delivery.body)
    except orjson.JSONDecodeError as error:
        return [_malformed(delivery, delivery.body, error, at=at)]
    if not isinstance(elements, list):
        return [_malformed(delivery, delivery.body, TypeError("not an array of events"), at=at)]
    items: list[Item] = []
    for element in elements:
        try:
            envelope = Envelope.model_validate(element)
        except ValidationError as error:
            items.append(_malformed(delivery, orjson.dumps(element), error, at=at))
        else:
            items.append(understand(reaction, envelope, at=at))
    return items


def understand(reaction: Reaction, envelope: Envelope, *, at: datetime) -> Item:
    """An event as the reaction gets it, or the reason why it cannot."""
    kind = EVENT_TYPES.get(envelope.type)
    if kind is None or kind not in reaction.types:
        return Item(envelope, None, f"unknown event type {envelope.type}")
    try:
        event = kind.model_validate(envelope.data)
    except ValidationError as error:
        return Item(envelope, None, str(error))
    return Item(envelope, Received(envelope.id, event, envelope.time, at))


def _malformed(delivery: Delivery, body: bytes, error: Exception, *, at: datetime) -> Item:
    envelope = Envelope(
        id=uuid5(NAMESPACE_OID, delivery.type + body.decode("latin-1")),
        source="jishi/unknown",
        type=delivery.type,
        time=at,
        subject="malformed",
        data={"malformed": body.decode(errors="backslashreplace")},
    )
    return Item(envelope, None, f"malformed: {error!r}")
