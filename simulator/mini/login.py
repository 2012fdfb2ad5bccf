"""Login and phone number: what the shop gets for its user's codes (wechat.md 1.1, 1.4, 1.7)."""

import hmac
import random
from typing import Any

from shared.wechat.signatures import session_signature
from simulator.mini.door import Call
from simulator.mini.errors import MiniError
from simulator.mini.tokens import check_app
from simulator.mini.users import new_session_key, spend_code


def code_to_session(call: Call) -> dict[str, Any]:
    """`GET /sns/jscode2session`: openid, unionid and session key for a login code."""
    platform, query = call.platform, call.query
    check_app(call, query)
    if not query.get("js_code"):
        raise MiniError(41008, "missing code")
    if query.get("grant_type") != "authorization_code":
        raise MiniError(40002, "invalid grant_type")
    openid = platform.books.value("SELECT openid FROM codes WHERE code = ?", query["js_code"])
    lately = platform.books.value(
        "SELECT count(*) FROM codes WHERE openid = ? AND used_at > ?", openid, call.now - 60
    )
    if lately >= platform.rules.logins_per_minute:
        raise MiniError(45011, "api minute-quota reach limit, must slower, retry next minute")
    user = spend_code(call, "login", query["js_code"])
    session_key = user["session_key"]
    if random.randrange(100) < platform.rules.session_key_rotation_percent:
        session_key = new_session_key()
        platform.books.write("UPDATE users SET session_key = ? WHERE openid = ?", session_key, user["openid"])
    return {"session_key": session_key, "openid": user["openid"], "unionid": user["unionid"]}


def check_session_key(call: Call) -> dict[str, Any]:
    """`GET /wxa/checksession`: whether a session key is still the user's."""
    user = call.platform.books.row("SELECT * FROM users WHERE openid = ?", call.query.get("openid", ""))
    if user is None:
        raise MiniError(40003, "invalid openid")
    if call.query.get("sig_method") != "hmac_sha256":
        raise MiniError(87008, "invalid sig_method")
    if not hmac.compare_digest(
        call.query.get("signature", "").encode(), session_signature(user["session_key"], b"").encode()
    ):
        raise MiniError(87009, "invalid signature")
    return {"errcode": 0, "errmsg": "ok"}


def phone_number(call: Call) -> dict[str, Any]:
    """`POST /wxa/business/getuserphonenumber`: the number behind a phone code."""
    user = spend_phone_code(call)
    pure, country = user["phone"] or "13800000000", "86"
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": pure,
            "purePhoneNumber": pure,
            "countryCode": country,
            "watermark": {"timestamp": int(call.now), "appid": call.platform.merchant.appid},
        },
    }


def spend_phone_code(call: Call) -> dict[str, Any]:
    """The user behind a phone code; a used one is as invalid as an unknown one (wechat.md 1.7)."""
    try:
        return spend_code(call, "phone", call.content().get("code"))
    except MiniError as error:
        if error.errcode == 40163:
            raise MiniError(40029, "invalid code") from None
        raise
