"""Headers that may pass, in and out, and the limits of a request's form (SEC5, SEC6)."""

from collections.abc import Iterable

from shared.http.identity import HEADER
from shared.http.problems import Problem

MAX_TARGET_BYTES = 4 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 64

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_DROPPED_IN = _HOP_BY_HOP | {
    HEADER.encode(),
    b"authorization",
    b"cookie",
    b"forwarded",
    b"host",
    b"traceparent",
    b"tracestate",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-real-ip",
    b"x-request-id",
}
_DROPPED_PREFIXES = (b"x-internal-", b"x-user-", b"x-forwarded-")
_DROPPED_OUT = _HOP_BY_HOP | {b"server", b"x-powered-by"}
_ONCE = {b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key"}

SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


class TargetTooLong(Problem):
    """The path and query are too long."""

    slug, title, status = "target-too-long", "The URL is too long", 414


class HeadersTooLarge(Problem):
    """There are too many headers, or they are too long."""

    slug, title, status = "headers-too-large", "The request headers are too large", 431


class RepeatedHeader(Problem):
    """A header that must come once came twice: two readers might choose differently."""

    slug, title, status = "repeated-header", "A header was sent twice", 400


def check(target_bytes: int, headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Check a request's form, and return its headers by name; raises a Problem."""
    if target_bytes > MAX_TARGET_BYTES:
        raise TargetTooLong(f"At most {MAX_TARGET_BYTES} bytes.")
    found: dict[bytes, bytes] = {}
    count = size = 0
    for name, value in headers:
        count += 1
        size += len(name) + len(value) + 4
        if name in _ONCE and name in found:
            raise RepeatedHeader(f"`{name.decode('latin-1')}` may be sent once.")
        found.setdefault(name, value)
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"At most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes.")
    return found


def incoming(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers that go on to a service."""
    return [
        (name, value)
        for name, value in headers
        if name not in _DROPPED_IN
        and not name.startswith(_DROPPED_PREFIXES)
        and b"_" not in name
        and b"." not in name
    ]


def outgoing(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of a service's answer that go back to the client."""
    lowered = ((name.lower(), value) for name, value in headers)
    return [
        (name, value)
        for name, value in lowered
        if name not in _DROPPED_OUT and not name.startswith(_DROPPED_PREFIXES)
    ]
