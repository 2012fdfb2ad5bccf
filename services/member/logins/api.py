"""Logins, for the gateway only (SEC1)."""

from uuid import UUID

from fastapi import Depends

from services.member.logins.domain import Code
from services.member.logins.usecases import log_in
from services.member.resources import Own
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.callers import CalledBy
from shared.http.work import Now

router = service_router(tags=["logins"])


class Login(Body):
    """The code of wx.login, and the scene that the client was opened from."""

    code: Code
    scene: Text | None = None


class LoginView(View):
    """Who logged in; the session key is not part of it."""

    member_id: UUID
    wechat_openid: str
    is_new: bool
    nickname: str | None


@router.post("/internal/logins", dependencies=[Depends(CalledBy("gateway"))])
async def login(body: Login, resources: Own, now: Now) -> LoginView:
    """The member behind a login code."""
    found = await log_in(resources, body.code, scene=body.scene, at=now)
    return LoginView(
        member_id=found.member_id,
        wechat_openid=found.wechat_openid,
        is_new=found.is_new,
        nickname=found.nickname,
    )
