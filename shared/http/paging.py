"""Lists come in pages: ``?limit=20&after=…`` → ``{"items": […], "next": …}`` with an opaque cursor."""

import base64
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query

from shared.http.bodies import View
from shared.http.problems import Invalid

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str | None, Query(max_length=400)]


class Page(View, Generic[T]):
    """One page of a list; ``next`` is the cursor of the page after it, or null."""

    items: list[T]
    next: str | None = None


def cursor(*position: Any) -> str:
    """Where a page ended, as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(position, default=str)).decode().rstrip("=")


def position(after: str | None, *, parts: int) -> list[Any] | None:
    """The position behind a cursor, or None without one; raises Invalid for a cursor that we did not make."""
    if after is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error
    if not isinstance(found, list) or len(found) != parts:
        raise Invalid("The cursor in `after` is not one of ours.")
    return found
