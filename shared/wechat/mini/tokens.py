"""The access token, fetched by one caller for all (wechat.md 1.5)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.wechat.mini.calls import Calls
from shared.wechat.mini.errors import WeChatBusy
from shared.wechat.mini.settings import MiniProgramSettings

RENEW_BEFORE_S = 300
REST_S = 10


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: datetime


class AccessTokens:
    """A stable access token, kept until less than five minutes of it remain.

    A repeated stable call gives the same token, so processes need no common cache. Never forces a refresh.
    """

    def __init__(self, settings: MiniProgramSettings, calls: Calls, *, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._calls = calls
        self._clock = clock
        self._token: _Token | None = None
        self._flight: asyncio.Task[_Token] | None = None

    async def current(self) -> str:
        """A token good for minutes; all who wait for a fetch share its result or its `WeChatError`."""
        if self._token is None or self._clock() >= self._token.renew_at:
            return (await self._join_flight()).value
        return self._token.value

    async def instead_of(self, refused: str) -> str:
        """A token after one was refused: what another caller has fetched meanwhile, else the platform's."""
        if self._token is not None and self._token.value == refused:
            self._token = None
        return await self.current()

    async def _join_flight(self) -> _Token:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch())
            self._flight.add_done_callback(self._land)
        # Shielded: a caller that gives up must not take the fetch from the others.
        return await asyncio.shield(self._flight)

    def _land(self, flight: asyncio.Task[_Token]) -> None:
        self._flight = None
        # Asking for the exception marks it as seen, even when every caller has gone.
        if not flight.cancelled() and flight.exception() is None:
            self._token = flight.result()

    async def _fetch(self) -> _Token:
        said = await self._calls.call(
            "POST",
            "/cgi-bin/stable_token",
            content={
                "grant_type": "client_credential",
                "appid": self._settings.appid,
                "secret": self._settings.app_secret,
                "force_refresh": False,
            },
        )
        value, expires_in = said.get("access_token"), said.get("expires_in")
        if not isinstance(value, str) or not isinstance(expires_in, int):
            raise WeChatBusy("a token answer without token")
        # Within its last five minutes the platform may repeat the old token: rest between two fetches.
        rest = timedelta(seconds=max(expires_in - RENEW_BEFORE_S, REST_S))
        return _Token(value, self._clock() + rest)
