"""Subscription messages: template, keywords, and what the user has accepted (wechat.md 2.1, 2.2)."""

import json
import re
from typing import Any

from simulator.mini.door import Call
from simulator.mini.errors import MiniError
from simulator.platform import Platform

KINDS: dict[str, re.Pattern[str]] = {
    "thing": re.compile(r"[^\r\n]{1,20}"),
    "number": re.compile(r"(?=.{1,32}$)-?[0-9]+(\.[0-9]+)?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[\x21-\x7e]{1,32}"),
    "time": re.compile(r"(?=.*\d{1,2}:\d{2})[0-9年月日:~ /\-]{4,40}"),
    "date": re.compile(r"(?=.*\d{1,4}[年\-/]\d{1,2})[0-9年月日:~ /\-]{4,40}"),
    "amount": re.compile(r"[¥￥$€£]?(?=[\d.,]{1,12}元?$)[\d,]{1,10}(\.\d+)?元?"),
    "phone_number": re.compile(r"[0-9+\-() ]{1,17}"),
    "car_number": re.compile(r"\w{1,8}"),
    "name": re.compile(r"[\u4e00-\u9fff·]{1,10}|[A-Za-z\x20-\x7e]{1,20}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
}


def send(call: Call) -> dict[str, Any]:
    """`POST /cgi-bin/message/subscribe/send`: one message for one acceptance."""
    platform, books, message = call.platform, call.platform.books, call.content()
    openid, template_id = message.get("touser"), message.get("template_id")
    if not books.value("SELECT 1 FROM users WHERE openid = ?", openid):
        raise MiniError(40003, "invalid openid")
    keywords = _keywords(platform, template_id)
    page = message.get("page")
    if page is not None and (not isinstance(page, str) or not page or page.startswith("/")):
        raise MiniError(41030, "invalid page")
    _check_data(message.get("data"), keywords)
    with books.entry():
        spent = books.write(
            "UPDATE subscriptions SET remaining = remaining - 1"
            " WHERE openid = ? AND template_id = ? AND remaining > 0",
            openid,
            template_id,
        )
        if not spent:
            raise MiniError(43101, "user refuse to accept the msg")
        books.insert(
            "messages",
            openid=openid,
            template_id=template_id,
            page=page,
            data=json.dumps(message["data"], ensure_ascii=False),
            sent_at=call.now,
        )
        number = books.value("SELECT last_insert_rowid()")
    return {"errcode": 0, "errmsg": "ok", "msgid": 4_000_000_000_000_000_000 + number}


def accept(platform: Platform, openid: str, template_id: str, *, times: int) -> int:
    """The user accepts a template so many times more; answers how many messages may be sent now."""
    platform.books.write(
        "INSERT INTO subscriptions VALUES (?, ?, ?)"
        " ON CONFLICT (openid, template_id) DO UPDATE SET remaining = remaining + excluded.remaining",
        openid,
        template_id,
        times,
    )
    remaining: int = platform.books.value(
        "SELECT remaining FROM subscriptions WHERE openid = ? AND template_id = ?", openid, template_id
    )
    return remaining


def _keywords(platform: Platform, template_id: object) -> list[str]:
    for template in platform.merchant.templates.values():
        if template["template_id"] == template_id:
            return list(template["keywords"])
    raise MiniError(40037, "invalid template_id")


def _check_data(data: object, keywords: list[str]) -> None:
    given = data if isinstance(data, dict) else {}
    for keyword in keywords:
        entry = given.get(keyword)
        value = entry.get("value") if isinstance(entry, dict) else None
        kind = KINDS[keyword.rstrip("0123456789")]
        if not isinstance(value, str) or not kind.fullmatch(value):
            raise MiniError(47003, f"argument invalid! data.{keyword}.value invalid")
