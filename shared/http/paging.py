"""Lists come in pages: ``?limit=20&after=…`` → ``{"items": […], "next": …}`` with an opaque cursor.

A page is read with one item more than its limit, which tells whether another one follows.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Query

from shared.http.bodies import View
from shared.http.problems import Invalid

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str | None, Query(max_length=400)]

_BEYOND_EVERY_ID = UUID(int=2**128 - 1)


class Page(View, Generic[T]):
    """One page of a list; ``next`` is the cursor of the page after it, or null."""

    items: list[T]
    next: str | None = None


class UnknownCursor(Invalid):
    """A cursor that we did not make."""

    def __init__(self) -> None:
        super().__init__("The cursor in `after` is not one of ours.")


def before_id(after: str | None) -> UUID:
    """The id before which a page of a newest-first list lies: ids are made in time's order; raises UnknownCursor."""
    found = place_after(after, UUID)
    return found[0] if found else _BEYOND_EVERY_ID


def page_of(items: Sequence[T], limit: int, *, place: Callable[[T], Any]) -> Page[T]:
    """A page of items, read with one more than its limit; ``place`` is the id, or the tuple, that they are listed by."""
    return Page(items=list(items[:limit]), next=following(items, limit, place=place))


def following(items: Sequence[T], limit: int, *, place: Callable[[T], Any]) -> str | None:
    """The cursor of the page after the first ``limit`` items, or None when there are no more."""
    if len(items) <= limit:
        return None
    found = place(items[limit - 1])
    return cursor(*found) if isinstance(found, tuple) else cursor(found)


def cursor(*place: Any) -> str:
    """Where a page ended, as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(place, default=str)).decode().rstrip("=")


def place_after(after: str | None, *parts: Callable[[Any], Any]) -> list[Any] | None:
    """The place behind a cursor, each part read by its function, or None without a cursor; raises UnknownCursor."""
    if after is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if not isinstance(found, list):
            raise ValueError("no place")
        return [read(part) for read, part in zip(parts, found, strict=True)]
    except (ValueError, TypeError, AttributeError) as error:
        raise UnknownCursor() from error


def whole_number(*, below: int) -> Callable[[Any], int]:
    """Reads a number from 0 on."""

    def read(part: Any) -> int:
        if type(part) is not int or not 0 <= part < below:
            raise ValueError("no number of ours")
        return part

    return read


def instant(part: Any) -> datetime:
    """Reads an instant."""
    found = datetime.fromisoformat(part)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found


def plain_text(part: Any) -> str:
    """Reads a text that PostgreSQL takes."""
    if not isinstance(part, str) or "\x00" in part:
        raise ValueError("no text of ours")
    return part
