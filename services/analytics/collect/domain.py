"""A behaviour event as clients send it, and the rules it must keep (analytics.md 1–3)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.analytics.collect.catalogue import CLIENT_EVENTS, SERVER_EVENTS
from services.analytics.collect.personal import holds_personal_data
from services.analytics.facts.domain import Fact, in_milliseconds
from services.analytics.facts.tables import BEHAVIOUR_EVENTS
from shared.http.bodies import Id, Instant

MAX_EVENTS = 50
MAX_PROPS_BYTES = 4 * 1024
TRUSTED_SKEW = timedelta(seconds=60)
LATE_AFTER = timedelta(days=3)
REFUSED_AFTER = timedelta(days=366)


class Reason(StrEnum):
    """Why an event was not counted."""

    MALFORMED = "malformed"
    UNKNOWN_EVENT = "unknown-event"
    SERVER_EVENT = "server-event"
    PERSONAL_DATA = "personal-data"
    PROPS_TOO_LARGE = "props-too-large"
    TOO_OLD = "too-old"
    CONFLICT = "conflict"


class Refused(Exception):
    """An event that cannot be counted; ``detail`` repeats nothing of what it held."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _nothing_is_empty(value: Any) -> Any:
    return "" if value is None else value


def _code_is_text(value: Any) -> Any:
    return str(value) if type(value) is int else _nothing_is_empty(value)


Word = Annotated[str, Field(max_length=128), BeforeValidator(_nothing_is_empty)]
Scene = Annotated[str, Field(max_length=32), BeforeValidator(_code_is_text)]
Pixels = Annotated[int, Field(ge=0, le=65_535)]


class Device(BaseModel):
    """What the event happened on; ``w`` and ``h`` in px."""

    model_config = ConfigDict(frozen=True, strict=True)

    platform: Word = ""
    model: Word = ""
    wx_version: Word = ""
    w: Pixels = 0
    h: Pixels = 0


class BehaviourEvent(BaseModel):
    """The envelope (analytics.md 2). Fields that it does not name, ``member_id`` among them, are not read."""

    model_config = ConfigDict(frozen=True, strict=True)

    event_id: Id
    event: Annotated[str, Field(max_length=64)]
    schema_version: Annotated[int, Field(ge=1, le=65_535)] = 1
    occurred_at: Instant
    sent_at: Instant
    anon_id: Id
    session_id: Id | None = None
    seq: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    app: Literal["mini", "h5", "pos"]
    app_version: Word = ""
    page: Word = ""
    ref_page: Word = ""
    scene: Scene = ""
    channel: Word = ""
    campaign_id: Word = ""
    content_id: Word = ""
    share_token: Word = ""
    experiments: Annotated[dict[Word, Word], Field(max_length=50)] = {}
    device: Device = Device()
    network: Word = ""
    is_internal: bool = False
    props: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that may be counted, as a fact; ``digest`` tells a repeat from another event under the same id."""

    fact: Fact
    digest: bytes


def accept(raw: Any, *, member_id: UUID | None, received_at: datetime) -> Accepted:
    """Check one event of a batch; raises Refused. The member is the caller, whatever the event says."""
    try:
        event = BehaviourEvent.model_validate(raw)
        props = json.dumps(event.props, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(props.encode())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Refused(Reason.MALFORMED, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise Refused(Reason.MALFORMED, "props: a number is out of range, or a text is no Unicode") from error
    if event.event in SERVER_EVENTS:
        raise Refused(Reason.SERVER_EVENT, "only services tell this")
    if event.event not in CLIENT_EVENTS:
        raise Refused(Reason.UNKNOWN_EVENT, "no such event in the catalogue")
    if size > MAX_PROPS_BYTES:
        raise Refused(Reason.PROPS_TOO_LARGE, f"props may have {MAX_PROPS_BYTES} bytes")
    content = event.model_dump(mode="json", exclude={"sent_at"})
    if holds_personal_data(content):
        raise Refused(
            Reason.PERSONAL_DATA, "an openid, phone, name, address or id number does not belong here"
        )
    ts = corrected(event.occurred_at, sent_at=event.sent_at, received_at=received_at)
    if received_at - ts > REFUSED_AFTER:
        raise Refused(Reason.TOO_OLD, "this happened more than a year ago")
    values = _values(event, props=props, received_at=received_at)
    values |= {"member_id": member_id, "late": received_at - ts > LATE_AFTER}
    fact = Fact(BEHAVIOUR_EVENTS, event.event_id, in_milliseconds(ts), values)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()[:16]
    return Accepted(fact, digest)


def corrected(occurred_at: datetime, *, sent_at: datetime, received_at: datetime) -> datetime:
    """When a client's event happened by our clock: a skew of over a minute is its clock's; nothing is of the future."""
    skew = received_at - sent_at
    return min(received_at, occurred_at + skew if abs(skew) > TRUSTED_SKEW else occurred_at)


def _values(event: BehaviourEvent, *, props: str, received_at: datetime) -> dict[str, Any]:
    return {
        "event": event.event,
        "source": "client",
        "schema_version": event.schema_version,
        "occurred_at": event.occurred_at,
        "received_at": received_at,
        "is_internal": event.is_internal,
        "seq": event.seq,
        "anon_id": event.anon_id,
        "session_id": event.session_id,
        "app": event.app,
        "app_version": event.app_version,
        "page": event.page,
        "ref_page": event.ref_page,
        "scene": event.scene,
        "channel": event.channel,
        "campaign_id": event.campaign_id,
        "content_id": event.content_id,
        "share_token": event.share_token,
        "experiments": event.experiments,
        "platform": event.device.platform,
        "model": event.device.model,
        "wx_version": event.device.wx_version,
        "screen_width": event.device.w,
        "screen_height": event.device.h,
        "network": event.network,
        "props": props,
    }
