"""Personal data has no place among behaviour events (analytics.md 2, V1)."""

import re
from collections.abc import Iterator
from typing import Any

_KEYS = frozenset(
    {
        *("openid", "wechat_openid", "unionid", "email", "id_card"),
        *("phone", "phone_number", "mobile", "tel", "telephone"),
        *("name", "real_name", "nickname", "recipient", "address"),
    }
)
_LONG_TOKEN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=\d*[A-Za-z])[0-9A-Za-z]{20,}")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")
_ID_NUMBER = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)"
)


def holds_personal_data(content: Any) -> bool:
    """Whether a JSON value has a key that names a person, or a text or number like a phone or an identity card.

    Long tokens of letters and digits (ids, hashes) are not looked into.
    """
    return any(
        key.lower() in _KEYS or _PHONE.search(text) or _ID_NUMBER.search(text)
        for key, value in _leaves("", content)
        for text in (_LONG_TOKEN.sub("", value),)
    )


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every single value with the nearest key above it; keys count as values too."""
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            yield inner_key, inner_key
            yield from _leaves(inner_key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(key, inner)
    elif value is not None:
        yield key, str(value)
