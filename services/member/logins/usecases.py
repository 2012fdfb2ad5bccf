"""Logging in: a code of wx.login for the member it belongs to (LG-01, SEC1)."""

import logging
from datetime import datetime
from uuid import UUID

from services.member.levels.usecases import open_growth
from services.member.logins import domain
from services.member.logins.domain import LoggedIn, LoginBusy, LoginCodeRefused, session_key_place
from services.member.logins.storage import Identities, Known
from services.member.members.usecases import add_member
from services.member.points.usecases import earn_login_points, open_points
from services.member.resources import MemberResources
from shared.database import UnitOfWork, begin
from shared.events import MemberRegistered
from shared.ids import new_id
from shared.wechat.mini import CodeRefused, LoginBlocked, WeChatError, WeChatLogin

log = logging.getLogger(__name__)


async def log_in(resources: MemberResources, code: str, *, scene: str | None, at: datetime) -> LoggedIn:
    """The member that a login code belongs to, registered when they come for the first time.

    The session key stays here, sealed. Raises LoginCodeRefused, LoginBlocked, LoginBusy.
    """
    login = await _exchange(resources, code)
    sealed = resources.field_keys.seal(
        login.session_key, place=session_key_place(resources.appid, login.openid)
    )
    async with begin(resources.engine) as work:
        identities = Identities(work.connection)
        known = await identities.find(resources.appid, login.openid, unionid=login.unionid)
        is_new = False
        if known is None or (login.unionid is not None and not known.knows_unionid):
            known, is_new = await _recognise(work, resources.appid, login, scene=scene, at=at)
        await identities.keep(
            resources.appid, login.openid, member_id=known.member_id, session_key_sealed=sealed, at=at
        )
        if login.unionid is not None and not known.knows_unionid:
            await identities.link(login.unionid, known.member_id, at=at)
        await earn_login_points(work, known.member_id, at=at)
    return LoggedIn(known.member_id, login.openid, is_new, known.nickname)


async def _exchange(resources: MemberResources, code: str) -> WeChatLogin:
    try:
        return await resources.mini_program.login(code)
    except CodeRefused as error:
        raise LoginCodeRefused() from error
    except LoginBlocked as error:
        raise domain.LoginBlocked() from error
    except WeChatError as error:
        log.warning("login not answered by WeChat", extra={"error": str(error)})
        raise LoginBusy() from error


async def _recognise(
    work: UnitOfWork, appid: str, login: WeChatLogin, *, scene: str | None, at: datetime
) -> tuple[Known, bool]:
    """Who this is, decided by one login at a time: the identity's member, the unionid's, or a new one."""
    identities = Identities(work.connection)
    await identities.lock(f"openid:{appid}:{login.openid}")
    if login.unionid is not None:
        await identities.lock(f"unionid:{login.unionid}")
    known = await identities.find(appid, login.openid, unionid=login.unionid)
    if known is None and login.unionid is not None:
        known = await identities.find_by_unionid(login.unionid)
    if known is not None:
        return known, False
    return Known(await _register(work, scene=scene, at=at), None, knows_unionid=False), True


async def _register(work: UnitOfWork, *, scene: str | None, at: datetime) -> UUID:
    member_id = new_id()
    await add_member(work, member_id, scene=scene, at=at)
    await open_points(work, member_id)
    await open_growth(work, member_id)
    registered = MemberRegistered(member_id=member_id, scene=scene, registered_at=at)
    await work.outbox.add(registered, at=at)
    return member_id
