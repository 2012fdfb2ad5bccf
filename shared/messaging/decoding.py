"""From a message's bytes to events that a reaction understands; nothing malformed takes its neighbours with it (P11)."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from shared.events.base import EVENT_TYPES, Envelope
from shared.messaging.reactions import Reaction, Received
from shared.messaging.transport import Delivery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way through a consumer; ``received`` is None when it cannot be understood."""

    envelope: Envelope
    received: Received[Any] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a message holds; not ``is_whole`` when some of it, or all, is no event at all."""

    items: list[Item]
    is_whole: bool


def decode(reaction: Reaction, delivery: Delivery, *, at: datetime) -> Decoded:
    """The events of a message. A newer event's unknown fields are ignored; an unknown type is an item to park (K7)."""
    try:
        elements = orjson.loads(delivery.body)
    except orjson.JSONDecodeError as error:
        return _malformed([], reaction, error)
    if not isinstance(elements, list):
        return _malformed([], reaction, TypeError("not an array of events"))
    items: list[Item] = []
    fault: Exception | None = None
    for element in elements:
        try:
            items.append(understand(reaction, Envelope.model_validate(element), at=at))
        except ValidationError as error:
            fault = error
    return Decoded(items, True) if fault is None else _malformed(items, reaction, fault)


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


def _malformed(items: list[Item], reaction: Reaction, error: Exception) -> Decoded:
    log.error("malformed message", extra={"queue": reaction.name, "error": repr(error)[:300]})
    return Decoded(items, False)
