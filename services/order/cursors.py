"""Pages of things that are listed by their time-ordered id, latest first."""

from uuid import UUID

from shared.http.paging import position
from shared.http.problems import Invalid


def after_id(after: str | None) -> UUID | None:
    """The id a page ended with, or None without a cursor; raises Invalid for a cursor that we did not make."""
    found = position(after, parts=1)
    try:
        return None if found is None else UUID(found[0])
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid("The cursor in `after` is not one of ours.") from error
