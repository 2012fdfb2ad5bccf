"""People who use WeChat, and the codes that their client gives the shop (wechat.md 1.1, 1.7)."""

import base64
import secrets
from typing import Any

from simulator.books import Row
from simulator.mini.door import Call
from simulator.mini.errors import MiniError
from simulator.platform import Platform

CODE_SECONDS = 300


def create_user(platform: Platform, *, nickname: str, phone: str | None) -> Row:
    """A new WeChat user of the merchant's app."""
    user = {
        "openid": "o" + secrets.token_urlsafe(21)[:27],
        "unionid": "oU" + secrets.token_urlsafe(20)[:26],
        "nickname": nickname,
        "phone": phone,
        "session_key": new_session_key(),
        "created_at": platform.clock.now(),
    }
    platform.books.insert("users", **user)
    return user


def create_code(platform: Platform, kind: str, openid: str) -> str:
    """A single-use code of five minutes, as `wx.login` or the phone button gives it."""
    code = "0" + secrets.token_urlsafe(24)[:31]
    platform.books.insert("codes", code=code, kind=kind, openid=openid, created_at=platform.clock.now())
    return code


def spend_code(call: Call, kind: str, code: object) -> dict[str, Any]:
    """The user behind a code, which is used up by it; raises 40029 or 40163."""
    books = call.platform.books
    found = books.row("SELECT * FROM codes WHERE code = ? AND kind = ?", str(code), kind)
    if found is not None and found["used_at"] is not None:
        raise MiniError(40163, "code been used")
    if found is None or call.now >= found["created_at"] + CODE_SECONDS:
        raise MiniError(40029, "invalid code")
    books.write("UPDATE codes SET used_at = ? WHERE code = ?", call.now, code)
    user = books.row("SELECT * FROM users WHERE openid = ?", found["openid"])
    assert user is not None
    return user


def new_session_key() -> str:
    """Sixteen random bytes as base64 text."""
    return base64.b64encode(secrets.token_bytes(16)).decode()
