"""Headers that may pass, in and out, and the limits of a request's form (SEC5, SEC6)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from shared.http.connections import Headers
from shared.http.identity import HEADER
from shared.http.problems import Problem

MAX_TARGET_BYTES = 4 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 64

SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]

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
    b"expect",
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
_OURS = {b"date", b"x-request-id", *(name for name, _ in SECURITY_HEADERS)}
_DROPPED_OUT = _HOP_BY_HOP | _OURS | {b"server", b"x-powered-by"}
_ONCE = {b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key"}


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


def incoming(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """The headers that go on to a service; a value beyond ASCII could be read in two ways, so it stays behind."""
    between_hops = _named_by_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if name not in _DROPPED_IN
        and name not in between_hops
        and not name.startswith(_DROPPED_PREFIXES)
        and b"_" not in name
        and b"." not in name
        and value.isascii()
    ]


def outgoing(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of a service's answer that go back to the client."""
    lowered = [(name.lower(), value) for name, value in headers]
    between_hops = _named_by_connection(lowered)
    return [
        (name, value)
        for name, value in lowered
        if name not in _DROPPED_OUT and name not in between_hops and not name.startswith(_DROPPED_PREFIXES)
    ]


def client_address(peer: str, forwarded_for: Sequence[bytes], *, trusted_proxies: int) -> str:
    """The address a request comes from: what the outermost of our own proxies saw, or the peer's without proxies.

    ``forwarded_for`` are the X-Forwarded-For headers; what lies left of our proxies' entries anybody can invent.
    """
    if trusted_proxies == 0 or not forwarded_for:
        return peer
    hops = [hop.strip() for hop in b",".join(forwarded_for).decode("latin-1").split(",")]
    seen = hops[-trusted_proxies] if len(hops) >= trusted_proxies else hops[0]
    try:
        return str(ip_address(seen))
    except ValueError:
        return peer


@lru_cache(10_000)
def household(address: str) -> str:
    """Whose address it is, as far as one can see: an IPv4 address itself, of IPv6 the /64 that one line is given (SEC7)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """The headers that Connection declares to be meant for the next hop only (RFC 9110 7.6.1)."""
    return {
        named.strip().lower()
        for name, value in headers
        if name == b"connection"
        for named in value.split(b",")
    }
