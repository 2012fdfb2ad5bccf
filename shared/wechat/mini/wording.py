"""Making text fit where the platform refuses the whole message for one character too many."""

import re

ITEM_DESC_LIMIT = 120
_NOT_ASCII = re.compile(r"[^\x21-\x7e]")
_NOT_CHINESE = re.compile(r"[^\u4e00-\u9fff]")
_NOT_LETTER = re.compile(r"[^A-Za-z]")
_LETTER = re.compile(r"[\x00-\x7f]")

# What a kind does not take, how many characters it takes, what stands for nothing (wechat.md 2.1).
_TEXTS: dict[str, tuple[re.Pattern[str] | None, int, str]] = {
    "thing": (None, 20, "无"),
    "letter": (_NOT_LETTER, 32, "N"),
    "symbol": (None, 5, "-"),
    "character_string": (_NOT_ASCII, 32, "-"),
    "phone_number": (_NOT_ASCII, 17, "-"),
    "car_number": (None, 8, "无"),
    "phrase": (_NOT_CHINESE, 5, "无"),
}


def fit(kind: str, value: str) -> str:
    """A keyword's value as its kind allows (wechat.md 2.1): one line, cut with an ellipsis, never empty.

    Numbers, amounts, times and configured words pass untouched: cut, they would say something else.
    """
    line = " ".join(value.split())
    if kind == "name":
        return cut(line, 20 if _LETTER.match(line) and line.isascii() else 10) or "无"
    if kind not in _TEXTS:
        return line
    refused, limit, nothing = _TEXTS[kind]
    if refused is None:
        return cut(line, limit) or nothing
    return refused.sub("", line)[:limit] or nothing


def cut(text: str, limit: int) -> str:
    """At most so many characters, the last one an ellipsis when something was cut off."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def masked(phone: str) -> str:
    """A telephone number with only its ends visible, as a shipping report's contact wants (wechat.md 4.3)."""
    return f"{phone[:-8]}****{phone[-4:]}"
