"""Which headers pass the gateway, and whose address counts (SEC5)."""

import pytest

from gateway.hygiene import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    HeadersTooLarge,
    RepeatedHeader,
    TargetTooLong,
    check,
    client_address,
    household,
    incoming,
    outgoing,
)


@pytest.mark.parametrize(
    "name",
    [
        "x-internal-identity",
        "x_internal_identity",
        "x-internal-anything",
        "x.internal.identity",
        "x-user-id",
        "x-user-roles",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "forwarded",
        "x-real-ip",
        "authorization",
        "proxy-authorization",
        "cookie",
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "x-request-id",
        "traceparent",
        "tracestate",
        "x-http-method-override",
        "x-method-override",
        "x-http-method",
    ],
)
def test_what_only_we_may_say_never_comes_in(name: str) -> None:
    kept = [(b"accept", b"*/*"), (b"idempotency-key", b"1")]
    assert incoming([kept[0], (name.encode(), b"forged"), (name.encode(), b"again"), kept[1]]) == kept


def test_headers_named_by_connection_stop_here_in_both_directions() -> None:
    headers = [
        (b"connection", b"close, X-Secret"),
        (b"x-secret", b"1"),
        (b"connection", b"x-other"),
        (b"x-other", b"2"),
        (b"x-kept", b"3"),
    ]
    assert incoming(headers) == [(b"x-kept", b"3")]
    assert outgoing([(name.title(), value) for name, value in headers]) == [(b"x-kept", b"3")]


def test_values_beyond_ascii_do_not_come_in() -> None:
    assert incoming([(b"x-a", "é".encode("latin-1")), (b"x-b", "é".encode()), (b"x-c", b"e")]) == [
        (b"x-c", b"e")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Server",
        "X-Powered-By",
        "Date",
        "X-Internal-Identity",
        "X-Request-Id",
        "X-Frame-Options",
        "Transfer-Encoding",
    ],
)
def test_what_a_service_says_of_itself_does_not_go_out(name: str) -> None:
    assert outgoing([(name.encode(), b"x"), (b"ETag", b'"1"')]) == [(b"etag", b'"1"')]


def test_a_cookie_of_several_lines_and_other_repeated_answers_pass() -> None:
    headers = [(b"link", b"<a>"), (b"link", b"<b>")]
    assert outgoing(headers) == headers
    assert incoming(headers) == headers


@pytest.mark.parametrize(
    "name", [b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key"]
)
def test_what_must_come_once_may_not_come_twice(name: bytes) -> None:
    with pytest.raises(RepeatedHeader) as refused:
        check(1, [(name, b"1"), (b"x-a", b""), (name, b"1")])
    assert refused.value.status == 400


def test_the_limits_are_exact() -> None:
    assert check(MAX_TARGET_BYTES, [(b"x-%d" % number, b"") for number in range(MAX_HEADERS)])
    with pytest.raises(TargetTooLong):
        check(MAX_TARGET_BYTES + 1, [])
    with pytest.raises(HeadersTooLarge):
        check(1, [(b"x-%d" % number, b"") for number in range(MAX_HEADERS + 1)])
    assert check(1, [(b"a", b"x" * (MAX_HEADER_BYTES - 5))])
    with pytest.raises(HeadersTooLarge):
        check(1, [(b"a", b"x" * (MAX_HEADER_BYTES - 4))])


@pytest.mark.parametrize(
    ("forwarded_for", "trusted_proxies", "address"),
    [
        ([], 0, "10.0.0.1"),
        ([b"6.6.6.6"], 0, "10.0.0.1"),
        ([], 1, "10.0.0.1"),
        ([b"6.6.6.6, 203.0.113.7"], 1, "203.0.113.7"),
        ([b"6.6.6.6", b"203.0.113.7"], 1, "203.0.113.7"),
        ([b"6.6.6.6, 203.0.113.7, 10.0.0.9"], 2, "203.0.113.7"),
        ([b"203.0.113.7"], 2, "203.0.113.7"),
        ([b"2001:DB8::7"], 1, "2001:db8::7"),
        ([b"<script>"], 1, "10.0.0.1"),
        ([b""], 1, "10.0.0.1"),
        ([b"\xff"], 1, "10.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(
    forwarded_for: list[bytes], trusted_proxies: int, address: str
) -> None:
    assert client_address("10.0.0.1", forwarded_for, trusted_proxies=trusted_proxies) == address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_line_of_ipv6_is_one_household(address: str, expected: str) -> None:
    assert household(address) == expected
