"""Faults, notices on demand, the clock, the rules, and the verification mode."""

from typing import Literal

import orjson
from pydantic import Field, TypeAdapter
from starlette.requests import Request

from simulator.books import Row
from simulator.clock import instant, rfc3339
from simulator.control import views
from simulator.control.door import Asked, Content, asked, content_of, missing, postman_of
from simulator.faults import Rule
from simulator.pay import notices, transactions
from simulator.pay.notices import VARIANTS, Variant
from simulator.pay.seals import Mode
from simulator.platform import Platform, platform_of
from simulator.settings import Rules

RULES: TypeAdapter[list[Rule]] = TypeAdapter(list[Rule])
CHANGES: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


class Send(Asked):
    """One delivery now: of the order's latest payment or refund notice, in some variant."""

    variant: Literal[
        "good",
        "forge",
        "probe",
        "replay",
        "wrong_serial",
        "missing_signature",
        "foreign_key",
        "foreign_apiv3_key",
        "alter",
    ] = "good"
    event: Literal["payment", "refund"] = "payment"
    field: Literal["amount", "currency", "mchid", "appid", "payer", "state"] | None = None
    value: str | int | None = None
    new_id: bool = False
    notify_url: str | None = None


class ClockChange(Asked):
    """Where the clock goes; `signatures` parts or joins the clock that signatures carry."""

    now: str | None = None
    offset_seconds: float | None = None
    advance_seconds: float | None = None
    signatures: Literal["clock", "system"] | None = None


class ModeChange(Asked):
    """How answers and notices are signed; the percentage is the public key's share in grey mode."""

    mode: Mode
    percent: int = Field(100, ge=0, le=100)


def put_faults(request: Request) -> Content:
    """`PUT /_control/faults`: a list of rules, or `{"rules": […]}`, in place of those so far."""
    content = orjson.loads(content_of(request))
    rules = content.get("rules") if isinstance(content, dict) else content
    platform_of(request).faults.replace(RULES.validate_python(rules))
    return show_faults(request)


def show_faults(request: Request) -> Content:
    """`GET /_control/faults`: every rule and how often it bit."""
    return {"rules": platform_of(request).faults.shown()}


def delete_faults(request: Request) -> Content:
    """`DELETE /_control/faults`: everything works again."""
    platform_of(request).faults.replace([])
    return show_faults(request)


async def send_notice(request: Request) -> Content:
    """`POST /_control/notices/{out_trade_no}/send`: one delivery now, and what the shop said to it."""
    platform, wish = platform_of(request), asked(request, Send)
    if wish.variant == "alter":
        variant = Variant("alter", field=wish.field or "amount", value=wish.value, new_id=wish.new_id)
    else:
        good = VARIANTS[wish.variant]
        variant = Variant(good.name, good.seal, wish.new_id, good.foreign_apiv3_key)
    notice = _notice(platform, request.path_params["out_trade_no"], wish.event)
    if wish.notify_url is not None:
        notice = {**notice, "notify_url": wish.notify_url}
    outcome = await postman_of(request).send_once(notice, variant)
    return {"status": outcome.status, "body": outcome.body, "accepted": outcome.accepted}


def show_clock(request: Request) -> Content:
    """`GET /_control/clock`."""
    clock = platform_of(request).clock
    return {
        "now": rfc3339(clock.now()),
        "offset_seconds": clock.offset_seconds,
        "signatures": "system" if clock.signs_by_system_clock else "clock",
    }


def put_clock(request: Request) -> Content:
    """`PUT /_control/clock`: move the platform's time; what became due happens at once."""
    platform, wish = platform_of(request), asked(request, ClockChange)
    clock = platform.clock
    offset_seconds = clock.offset_seconds
    if wish.offset_seconds is not None:
        offset_seconds = wish.offset_seconds
    if wish.now is not None:
        offset_seconds += instant(wish.now) - clock.now()
    if wish.advance_seconds is not None:
        offset_seconds += wish.advance_seconds
    if wish.signatures is not None:
        clock.signs_by_system_clock = wish.signatures == "system"
        platform.books.keep("signs_by_system_clock", clock.signs_by_system_clock)
    platform.books.keep("clock_offset_seconds", offset_seconds)
    clock.move(offset_seconds=offset_seconds)
    return show_clock(request)


def show_rules(request: Request) -> Content:
    """`GET /_control/rules`."""
    return platform_of(request).rules.model_dump()


def put_rules(request: Request) -> Content:
    """`PUT /_control/rules`: change the named rules, keep the others."""
    platform = platform_of(request)
    changes = CHANGES.validate_json(content_of(request))
    platform.rules = Rules.model_validate({**platform.rules.model_dump(), **changes})
    platform.books.keep("rules", platform.rules.model_dump())
    return show_rules(request)


async def rotate_certificates(request: Request) -> Content:
    """`POST /_control/certificates/rotate`: the successor signs from now on, and a next one is listed."""
    seals = platform_of(request).seals
    await seals.rotate()
    return {"listed": [certificate.serial_no for certificate in seals.certificates()]}


def put_mode(request: Request) -> Content:
    """`PUT /_control/verification-mode {mode, percent}`."""
    wish = asked(request, ModeChange)
    platform_of(request).seals.set_mode(wish.mode, public_key_percent=wish.percent)
    return {"mode": wish.mode, "percent": wish.percent}


def show_books(request: Request) -> Content:
    """`GET /_control/books`: totals and rows for checkers."""
    return views.books(platform_of(request))


def show_overview(request: Request) -> Content:
    """`GET /_control/overview`: what the page shows."""
    return views.overview(platform_of(request))


def _notice(platform: Platform, out_trade_no: str, event: str) -> Row:
    """The order's latest notice; for an unpaid order the payment notice that a forger would make up."""
    pattern = "TRANSACTION.%" if event == "payment" else "REFUND.%"
    queued = platform.books.row(
        "SELECT * FROM notices WHERE out_trade_no = ? AND event_type LIKE ? ORDER BY number DESC LIMIT 1",
        out_trade_no,
        pattern,
    )
    if queued is not None:
        return queued
    order = transactions.find(platform, out_trade_no)
    if order is None or event == "refund":
        raise missing(f"a {event} notice of {out_trade_no}")
    made_up = {
        "trade_state": "SUCCESS",
        "transaction_id": "4200002000000000000000000000",
        "payer_total_fen": order["total_fen"],
        "paid_at": platform.clock.now(),
    }
    return notices.unqueued(
        platform,
        "TRANSACTION.SUCCESS",
        out_trade_no=out_trade_no,
        notify_url=order["notify_url"],
        plaintext=transactions.shown(platform, {**order, **made_up}),
    )
