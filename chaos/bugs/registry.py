"""What a seeded bug is, and the list of all."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Enter = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug by name; in the scenario where it bites, the checker must find it by the rule `caught_by`."""

    name: str
    bites_in: str
    caught_by: str
    enter: Enter


BUGS: list[Bug] = []


def bug(*, bites_in: str, caught_by: str) -> Callable[[Enter], Enter]:
    """Register a context manager that puts a bug into this process."""

    def register(enter: Enter) -> Enter:
        BUGS.append(Bug(enter.__name__.replace("_", "-"), bites_in, caught_by, enter))
        return enter

    return register
