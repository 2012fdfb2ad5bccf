"""From an Authorization header to a caller, remembered for at most five seconds (SEC2)."""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from gateway.sessions.storage import Session, Sessions, digest
from gateway.settings import Settings
from shared.database import begin, is_passing, reading
from shared.http.identity import ANONYMOUS, Principal
from shared.http.problems import Unauthenticated
from shared.resources import Resources
from shared.together import Together

log = logging.getLogger(__name__)

REMEMBER_SECONDS = 5.0
TOUCH_AFTER = timedelta(minutes=10)
_CACHE_SIZE = 50_000


class Authentication:
    """Knows the sessions that were used a moment ago."""

    def __init__(self, resources: Resources, settings: Settings) -> None:
        self._resources = resources
        self._settings = settings
        self._sessions = Together(self._find)
        self._known: dict[bytes, tuple[Principal, float]] = {}

    async def caller(self, authorization: bytes | None) -> Principal:
        """Who sends this header; nobody without one. Raises Unauthenticated for a token that is not (any more) good."""
        if (remembered := self.remembered(authorization)) is not None:
            return remembered
        assert authorization is not None
        key, until = _digest_in(authorization), time.monotonic() + REMEMBER_SECONDS
        principal = await self._look_up(key)
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        self._known[key] = (principal, until)
        return principal

    def remembered(self, authorization: bytes | None) -> Principal | None:
        """Who sends this header, or None when that has to be looked up. Raises Unauthenticated."""
        if authorization is None:
            return ANONYMOUS
        known = self._known.get(_digest_in(authorization))
        return known[0] if known is not None and known[1] > time.monotonic() else None

    def forget(self, token_digest: bytes) -> None:
        """A session ended here: do not remember it."""
        self._known.pop(token_digest, None)

    async def _look_up(self, key: bytes) -> Principal:
        if (session := await self._sessions.get(key)) is None:
            self._known.pop(key, None)
            raise Unauthenticated("This login has ended: please log in again.")
        if (at := self._resources.clock.now()) - session.last_seen_at > TOUCH_AFTER:
            await self._touch(key, at=at)
        return session.principal

    async def _find(self, keys: Sequence[bytes]) -> dict[bytes, Session]:
        at, idle = self._resources.clock.now(), self._settings.session_idle
        async with reading(self._resources.engine) as connection:
            return await Sessions(connection).find(keys, at=at, idle=idle)

    async def _touch(self, key: bytes, *, at: datetime) -> None:
        """Note that a session is in use; a database that cannot write just now keeps nobody from reading (4.D)."""
        try:
            async with begin(self._resources.engine) as work:
                await Sessions(work.connection).touch(key, at=at)
        except SQLAlchemyError as error:
            if not is_passing(error):
                raise
            log.warning("session not touched", extra={"error": repr(error)[:300]})


def _digest_in(authorization: bytes) -> bytes:
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send `Authorization: Bearer <token>`.")
    return digest(token)
