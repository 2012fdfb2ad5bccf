"""Users, their codes and what they accepted."""

from pydantic import Field
from starlette.requests import Request

from simulator.control.door import Asked, Content, asked, missing
from simulator.mini import messages, users
from simulator.platform import Platform, platform_of


class UserCreate(Asked):
    """A new WeChat user."""

    nickname: str = "微信用户"
    phone: str | None = None


class CodeCreate(Asked):
    """Whose code."""

    openid: str


class SubscriptionCreate(Asked):
    """An acceptance of a template."""

    openid: str
    template_id: str
    times: int = Field(1, ge=1)


def create_user(request: Request) -> Content:
    """`POST /_control/users`."""
    wish = asked(request, UserCreate)
    return users.create_user(platform_of(request), nickname=wish.nickname, phone=wish.phone)


def list_users(request: Request) -> Content:
    """`GET /_control/users`."""
    rows = platform_of(request).books.rows(
        "SELECT openid, unionid, nickname, phone FROM users ORDER BY created_at DESC LIMIT 200"
    )
    return {"items": rows}


def create_login_code(request: Request) -> Content:
    """`POST /_control/login-codes`, as `wx.login` would."""
    return _code(request, "login")


def create_phone_code(request: Request) -> Content:
    """`POST /_control/phone-codes`, as the phone-number button would."""
    return _code(request, "phone")


def create_subscription(request: Request) -> Content:
    """`POST /_control/subscriptions`, as `wx.requestSubscribeMessage` would."""
    platform, wish = platform_of(request), asked(request, SubscriptionCreate)
    _known(platform, wish.openid)
    return {"remaining": messages.accept(platform, wish.openid, wish.template_id, times=wish.times)}


def _code(request: Request, kind: str) -> Content:
    platform, wish = platform_of(request), asked(request, CodeCreate)
    _known(platform, wish.openid)
    return {"code": users.create_code(platform, kind, wish.openid)}


def _known(platform: Platform, openid: str) -> None:
    if not platform.books.value("SELECT 1 FROM users WHERE openid = ?", openid):
        raise missing(openid)
