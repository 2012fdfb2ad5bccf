"""Access tokens: the plain kind and the stable kind, each with a life of its own (wechat.md 1.5)."""

import secrets
from collections.abc import Mapping
from typing import Any

from simulator.mini.door import Call
from simulator.mini.errors import MiniError

TOKEN_SECONDS = 7200
OVERLAP_SECONDS = 300
FORCED_PER_DAY = 20
FORCED_PAUSE_SECONDS = 30
DAY_SECONDS = 86_400


def check_app(call: Call, given: Mapping[str, Any]) -> None:
    """Raise 41002, 41004, 40013 or 40125 unless this is the merchant's app with its secret."""
    merchant = call.platform.merchant
    if not given.get("appid"):
        raise MiniError(41002, "appid missing")
    if not given.get("secret"):
        raise MiniError(41004, "appsecret missing")
    if given["appid"] != merchant.appid:
        raise MiniError(40013, "invalid appid")
    if given["secret"] != merchant.app_secret:
        raise MiniError(40125, "invalid appsecret")


def plain_token(call: Call) -> dict[str, Any]:
    """`GET /cgi-bin/token`: always a new token; the one before lives five minutes more."""
    _check(call, call.query)
    with call.platform.books.entry():
        _replace(call, "plain", at=call.now + OVERLAP_SECONDS)
        return _minted(call, "plain")


def stable_token(call: Call) -> dict[str, Any]:
    """`POST /cgi-bin/stable_token`: the same token while it is valid; a forced refresh kills it at once."""
    given = call.content()
    _check(call, given)
    with call.platform.books.entry():
        if given.get("force_refresh") is True and _may_force(call):
            _replace(call, "stable", at=call.now)
            return _minted(call, "stable", forced=True)
        current = call.platform.books.row(
            "SELECT * FROM tokens WHERE kind = 'stable' AND replaced = 0 AND expires_at > ?",
            call.now + OVERLAP_SECONDS,
        )
        if current is not None:
            return {
                "access_token": current["token"],
                "expires_in": round(current["expires_at"] - call.now),
            }
        return _minted(call, "stable")


def _check(call: Call, given: Mapping[str, Any]) -> None:
    if given.get("grant_type") != "client_credential":
        raise MiniError(40002, "invalid grant_type")
    check_app(call, given)
    allowed = call.platform.rules.ip_whitelist
    if allowed and call.caller_ip not in allowed:
        raise MiniError(40164, f"invalid ip {call.caller_ip}, not in whitelist")


def _minted(call: Call, kind: str, *, forced: bool = False) -> dict[str, Any]:
    token = "92_" + secrets.token_urlsafe(110)
    call.platform.books.insert(
        "tokens",
        token=token,
        kind=kind,
        created_at=call.now,
        expires_at=call.now + TOKEN_SECONDS,
        forced=int(forced),
    )
    return {"access_token": token, "expires_in": TOKEN_SECONDS}


def _replace(call: Call, kind: str, *, at: float) -> None:
    call.platform.books.write(
        "UPDATE tokens SET replaced = 1, expires_at = min(expires_at, ?) WHERE kind = ? AND replaced = 0",
        at,
        kind,
    )


def _may_force(call: Call) -> bool:
    """At most 20 a day and 30 seconds apart; other calls get the current token."""
    forced = call.platform.books.row(
        "SELECT count(*) AS number, max(created_at) AS last_at FROM tokens WHERE forced = 1 AND created_at > ?",
        call.now - DAY_SECONDS,
    )
    assert forced is not None
    too_soon = forced["last_at"] is not None and call.now < forced["last_at"] + FORCED_PAUSE_SECONDS
    return forced["number"] < FORCED_PER_DAY and not too_soon
