"""What can come of a login (LG-01)."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.http.problems import Problem

Code = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[\x21-\x7e]+$")]
"""A single-use code of WeChat's client."""


class LoginCodeRefused(Problem):
    """WeChat does not take the code: the client calls wx.login again."""

    slug, title, status = "member/login-code-refused", "Please log in again", 401


class LoginBlocked(Problem):
    """WeChat holds this person back; the words say no more than that."""

    slug, title, status = "member/login-blocked", "Logging in is not possible at the moment", 403


class LoginBusy(Problem):
    """WeChat gave no clear answer; the code may be spent, so the client gets a new one."""

    slug, title, status = "member/login-busy", "WeChat is busy, please log in again", 503


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who logged in."""

    member_id: UUID
    wechat_openid: str
    is_new: bool
    nickname: str | None


def session_key_place(appid: str, openid: str) -> str:
    """What a sealed session key is bound to (SEC11)."""
    return f"wechat_identities|session_key_sealed|{appid}:{openid}"
