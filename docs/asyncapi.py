"""The events: as an AsyncAPI document for programs and as a page for people, both from `shared/events/`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.events import EVENT_TYPES, Event
from shared.messaging.reactions import Reaction
from shared.messaging.transports.rabbitmq import EXCHANGE


def asyncapi(reactions: Sequence[Reaction]) -> str:
    """The AsyncAPI 3 document: a channel an event type, an operation a reaction."""
    channels = {type_: _channel(event) for type_, event in sorted(EVENT_TYPES.items())}
    operations: dict[str, Any] = {
        f"{event.announced_by}.announce-{type_}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{type_}"},
            "summary": _summary(event),
        }
        for type_, event in sorted(EVENT_TYPES.items())
    }
    for reaction in reactions:
        for event in reaction.types:
            operations[f"{reaction.name} on {event.type}"] = {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{event.type}"},
                "summary": reaction.purpose,
                "description": f"Queue `{reaction.name}`.",
            }
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Jishi events",
            "version": "1",
            "description": f"Topic exchange `{EXCHANGE}`; the routing key is the event type. A message is a JSON array of 1 "
            "to 50 CloudEvents of one type. Delivery is at least once, in no promised order; the `id` makes it once.",
        },
        "defaultContentType": "application/cloudevents-batch+json",
        "channels": channels,
        "operations": operations,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _channel(event: type[Event]) -> dict[str, Any]:
    return {
        "address": event.type,
        "title": event.__name__,
        "description": (event.__doc__ or "").strip(),
        "messages": {
            event.__name__: {
                "name": event.type,
                "contentType": "application/cloudevents-batch+json",
                "payload": {"type": "array", "minItems": 1, "maxItems": 50, "items": _envelope(event)},
            }
        },
    }


def _envelope(event: type[Event]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "subject", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": {"const": f"jishi/{event.announced_by}"},
            "type": {"const": event.type},
            "time": {"type": "string", "format": "date-time"},
            "subject": {"type": "string", "description": f"the {event.subject}"},
            "traceparent": {"type": "string"},
            "data": event.model_json_schema(ref_template=f"#/channels/{event.type}/$defs/{{model}}"),
        },
    }


def event_catalogue(reactions: Sequence[Reaction]) -> str:
    """The page that lists every event, its fields, who announces it and who reacts."""
    listeners: Mapping[str, list[Reaction]] = {
        type_: [reaction for reaction in reactions if event in reaction.types]
        for type_, event in EVENT_TYPES.items()
    }
    lines = [
        "# Events",
        "",
        "Written by `make docs` from `shared/events/` and the services' reactions.",
        "",
        "| Event | Type | Announced by | Reactions |",
        "|---|---|---|---|",
    ]
    events = sorted(EVENT_TYPES.values(), key=lambda event: (event.announced_by, event.__name__))
    for event in events:
        names = ", ".join(f"`{reaction.name}`" for reaction in listeners[event.type]) or "–"
        lines.append(
            f"| [{event.__name__}](#{event.__name__.lower()}) | `{event.type}` | {event.announced_by} | {names} |"
        )
    for event in events:
        lines += ["", f"## {event.__name__}", "", (event.__doc__ or "").strip().replace("\n    ", "\n"), ""]
        lines += ["| Field | Type |", "|---|---|"]
        lines += [
            f"| `{name}`{' (subject)' if name == event.subject else ''} | {_type_name(field.annotation)} |"
            for name, field in event.model_fields.items()
        ]
        if listeners[event.type]:
            lines += ["", *(f"- `{reaction.name}`: {reaction.purpose}" for reaction in listeners[event.type])]
    return "\n".join(lines) + "\n"


def _type_name(annotation: Any) -> str:
    name = getattr(annotation, "__name__", None)
    if name and not getattr(annotation, "__args__", None):
        return str(name)
    text = str(annotation)
    for prefix in ("shared.events.order.", "uuid.", "datetime."):
        text = text.replace(prefix, "")
    return text.replace("|", "or")


def _summary(event: type[Event]) -> str:
    return (event.__doc__ or "").strip().split("\n")[0]
