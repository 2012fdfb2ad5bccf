"""Where clients send what happened on their side."""

import zlib
from typing import Any
from uuid import UUID

from fastapi import Request

from services.analytics.collect.domain import MAX_EVENTS, BehaviourEvent, Reason
from services.analytics.collect.usecases import Outcome, collect
from shared.http.app import service_router
from shared.http.bodies import MAX_BODY_BYTES, BodyTooLarge, View, strict_json
from shared.http.callers import AnyCaller
from shared.http.identity import Kind
from shared.http.problems import Invalid, Problem
from shared.http.work import Now, Work

router = service_router(tags=["behaviour"])


class UnknownEncoding(Problem):
    """The body is neither plain nor gzip."""

    slug, title, status = "unknown-content-encoding", "Only gzip is understood here", 415


class ResultView(View):
    """What became of one event: ``accepted``, ``duplicate`` (counted once already) or ``rejected``, and why."""

    event_id: UUID | None
    result: Outcome
    reason: Reason | None
    detail: str | None


class BatchView(View):
    """One result for each event, in the order sent."""

    results: list[ResultView]


def _batch_schema() -> dict[str, Any]:
    """The request body for the API's description; events are judged one by one, so FastAPI does not read it."""
    event = BehaviourEvent.model_json_schema()
    event["properties"]["device"] = event.pop("$defs")["Device"]
    events = {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": event}
    schema = {"type": "object", "required": ["events"], "properties": {"events": events}}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


@router.post("/behaviour-events", status_code=202, openapi_extra={"requestBody": _batch_schema()})
async def receive(request: Request, caller: AnyCaller, work: Work, now: Now) -> BatchView:
    """Take up to 50 events in (256 KB, gzip allowed); a bad event never fails the others (analytics.md 2).

    Send an event again with the same ``event_id`` until its result arrives. Whoever is logged in is the events' member.
    """
    events = _events(_plain(await request.body(), request.headers.get("content-encoding", "identity")))
    member_id = caller.member_id if caller.kind is Kind.MEMBER else None
    results = await collect(work, events, member_id=member_id, received_at=now)
    return BatchView(
        results=[
            ResultView(event_id=each.event_id, result=each.outcome, reason=each.reason, detail=each.detail)
            for each in results
        ]
    )


def _plain(body: bytes, encoding: str) -> bytes:
    """The body unpacked, never beyond the limit; raises BodyTooLarge, Invalid or UnknownEncoding."""
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise UnknownEncoding()
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Invalid("The body is not gzip.") from error
    if len(plain) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"At most {MAX_BODY_BYTES} bytes, unpacked.")
    if not unpacking.eof or unpacking.unused_data:
        raise Invalid("The body is not one whole gzip.")
    return plain


def _events(body: bytes) -> list[Any]:
    batch = strict_json(body)
    events = batch.get("events") if isinstance(batch, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise Invalid(f"`events` must be a list of 1 to {MAX_EVENTS} events.")
    return events
