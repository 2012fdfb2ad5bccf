"""Cursors of lists that go by the id of their last row."""

from uuid import UUID

from shared.http.paging import position
from shared.http.problems import Invalid


def id_position(after: str | None) -> UUID | None:
    """The id at which a page ended; raises Invalid for a cursor that is not ours."""
    found = position(after, parts=1)
    try:
        return UUID(found[0]) if found else None
    except (ValueError, AttributeError, TypeError) as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error
