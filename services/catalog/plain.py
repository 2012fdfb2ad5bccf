"""Reads that shoppers make most, past FastAPI: its routing and validation cost more than the reads themselves.

A plain route stands before FastAPI's own, which stays its contract: it takes only requests that are as simple as clients
mostly send them, and calls the same function with the same values. Whatever is odd goes on to FastAPI and its refusals.
Measured (Python's CPU of one call, without the database's): a search that was found just now 150 → 30 µs.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from services.catalog.resources import CatalogResources
from shared.http.identity import Principal

Reader = Callable[[str], Any]
"""Reads a value as FastAPI would; raises ValueError for one that is not plain."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VALUES = "plain"


class PlainRoute(BaseRoute):
    """A GET of ``path``, whose last part may be an id, called ``last``."""

    def __init__(
        self,
        path: str,
        answer: Callable[[CatalogResources, Principal, Mapping[str, Any]], Awaitable[Response]],
        *,
        query: Mapping[str, Reader],
        last: str | None = None,
    ) -> None:
        self._path = path
        self._answer = answer
        self._query = query
        self._last = last

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is this page that is asked for, and plainly."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._path):
            return Match.NONE, {}
        try:
            return Match.FULL, {_VALUES: self._values(scope)}
        except (ValueError, KeyError):
            return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        response = await self._answer(scope["app"].state.resources, scope["principal"], scope[_VALUES])
        await response(scope, receive, send)

    def _values(self, scope: Scope) -> dict[str, Any]:
        """What the function takes; raises ValueError or KeyError for anything unknown, repeated or not plain."""
        rest = scope["path"][len(self._path) :]
        values: dict[str, Any] = {}
        if self._last is not None:
            values[self._last] = plain_id(rest)
        elif rest:
            raise ValueError("another path")
        if scope["query_string"]:
            given = parse_qsl(
                scope["query_string"].decode("ascii"), keep_blank_values=True, strict_parsing=True
            )
            values |= {name: self._query[name](value) for name, value in given}
            if len(values) != len(given) + (self._last is not None):
                raise ValueError("repeated")
        return values


def plain_id(text: str) -> UUID:
    """Reads an id as we write them."""
    if not _UUID.fullmatch(text):
        raise ValueError("no plain id")
    return UUID(text)


def plain_text(longest: int) -> Reader:
    """Reads a text of up to so many characters."""

    def read(text: str) -> str:
        if len(text) > longest or "\ufffd" in text:
            raise ValueError("no plain text")
        return text

    return read


def plain_number(least: int, most: int) -> Reader:
    """Reads a number between two."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
            raise ValueError("no plain number")
        return int(text)

    return read
