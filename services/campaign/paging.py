"""Every list here is newest first: ids are made in time's order, so an id is the whole position."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from shared.http.paging import Page, cursor, position
from shared.http.problems import Invalid

V = TypeVar("V")

_LAST = UUID(int=2**128 - 1)


def before_id(after: str | None) -> UUID:
    """The id that a page's ids lie before; raises Invalid for a cursor that we did not make."""
    if (found := position(after, parts=1)) is None:
        return _LAST
    try:
        return UUID(found[0])
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error


def page_of(items: Sequence[V], limit: int, *, id_field: str) -> Page[V]:
    """A page of items, read with one more than its limit."""
    following = cursor(getattr(items[limit - 1], id_field)) if len(items) > limit else None
    return Page(items=list(items[:limit]), next=following)
