"""Logging shoppers in and out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response
from pydantic import Field

from gateway.resources import GatewayResources
from gateway.sessions.storage import Sessions, digest
from shared.database import begin
from shared.http.app import service_router
from shared.http.bodies import Body, Text, View
from shared.http.identity import ANONYMOUS, Kind

router = service_router(tags=["login"])


class WeChatLogin(Body):
    """What the mini-program sends after ``wx.login``; ``scene`` is the WeChat scene code it was opened with."""

    code: Annotated[str, Field(min_length=1, max_length=128)]
    scene: Text | None = None


class SessionView(View):
    """A login: the token goes into ``Authorization: Bearer …`` of every later request."""

    token: str
    expires_at: datetime
    member_id: UUID
    is_new: bool


@router.post("/auth/wechat/login", status_code=201)
async def log_in(body: WeChatLogin, request: Request) -> SessionView:
    """Log in with a WeChat code (LG-01): the member service asks WeChat, the gateway keeps the session."""
    resources: GatewayResources = request.app.state.resources
    answer = await resources.services.call(
        "member",
        "POST",
        "/internal/logins",
        on_behalf_of=ANONYMOUS,
        json={"code": body.code, "scene": body.scene},
    )
    member = answer.json()
    settings = resources.settings
    async with begin(resources.engine) as work:
        token, expires_at = await Sessions(work.connection).open(
            Kind.MEMBER,
            UUID(member["member_id"]),
            wechat_openid=member["wechat_openid"],
            at=resources.clock.now(),
            lasts=settings.session_absolute,
            keep=settings.sessions_per_member,
        )
    return SessionView(
        token=token, expires_at=expires_at, member_id=member["member_id"], is_new=member["is_new"]
    )


@router.post("/auth/logout", status_code=204)
@router.post("/operator/auth/logout", status_code=204)
async def log_out(request: Request, authorization: Annotated[str | None, Header()] = None) -> Response:
    """End this login; repeating it does no harm."""
    resources: GatewayResources = request.app.state.resources
    key = digest((authorization or "").partition(" ")[2])
    async with begin(resources.engine) as work:
        await Sessions(work.connection).close(key)
    resources.authentication.forget(key)
    return Response(status_code=204)
