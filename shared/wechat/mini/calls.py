"""One call of the mini-program API: JSON in and out, errors in the body of a 200 (wechat.md 0)."""

import logging
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from shared.wechat.http import NoAnswer, exchange
from shared.wechat.mini.errors import WeChatBusy, failure


class _WithoutQuery(logging.Filter):
    """Cuts queries off the URLs that httpx logs: this API carries its secret and tokens in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


_without_query = _WithoutQuery()


class Calls:
    """Sends calls to one host and tells answers from errors."""

    def __init__(self, base_url: str, http: httpx.AsyncClient) -> None:
        logging.getLogger("httpx").addFilter(_without_query)
        self._base_url = base_url
        self._http = http

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The answer's JSON; raises `WeChatBusy`, or a `WeChatRefused` by its errcode."""
        request = self._http.build_request(
            method,
            self._base_url + path,
            params=query,
            content=None if content is None else orjson.dumps(content),
            headers=None if content is None else {"Content-Type": "application/json"},
        )
        try:
            answer = await exchange(self._http, request)
            said = orjson.loads(answer.body) if answer.status == 200 else None
        except NoAnswer as error:
            raise WeChatBusy(str(error)) from error
        except ValueError:
            raise WeChatBusy("an answer that is not JSON") from None
        if not isinstance(said, dict):
            raise WeChatBusy(f"status {answer.status} without a JSON object")
        # A success has errcode 0 or no errcode at all.
        errcode = said.get("errcode", 0)
        if not isinstance(errcode, int):
            raise WeChatBusy("an answer with a strange errcode")
        if errcode != 0:
            raise failure(errcode, str(said.get("errmsg", "")))
        return said
