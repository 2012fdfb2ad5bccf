"""A mini-program from the settings of a service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from shared.settings import MiniProgramAccount
from shared.wechat.http import new_client
from shared.wechat.mini.client import MiniProgram
from shared.wechat.mini.settings import MiniProgramSettings


@asynccontextmanager
async def open_mini_program(
    account: MiniProgramAccount, *, clock: Callable[[], datetime]
) -> AsyncIterator[MiniProgram]:
    """The mini-program that a service's settings name, with connections of its own."""
    settings = MiniProgramSettings(
        appid=account.wechat_appid,
        app_secret=account.wechat_app_secret.get_secret_value(),
        base_url=account.wechat_api_url,
    )
    async with new_client() as http:
        yield MiniProgram(settings, http, clock=clock)
