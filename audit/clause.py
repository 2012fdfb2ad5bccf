"""A clause of the reference: what it says, where it looks, and how what it finds is told."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from audit.books import Books


class Kind(StrEnum):
    """When a clause holds."""

    ALWAYS = "A"
    """In every snapshot of one database."""
    REST = "R"
    """Across databases once all has settled; under traffic only for what has been quiet for two minutes."""


class Group(StrEnum):
    """Clauses that share a place in the checkpoint: it moves on only when none of them found anything or failed."""

    ORDERS = "orders"
    EVENTS = "events"
    POINTS = "points"
    JOURNALS = "journals"
    STOCK = "stock"
    COUPONS = "coupons"
    AUDIT_LOG = "audit_log"
    BILLS = "bills"
    SEALS = "seals"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant: of what (by name), what should be, and what is."""

    clause: str
    keys: tuple[tuple[str, str], ...]
    expected: str
    found: str


class NotChecked(Exception):
    """A clause cannot be checked here, for a reason that is no fault; the message says which."""


Check = Callable[[Books], AsyncIterator[Finding]]


@dataclass(frozen=True, slots=True)
class Clause:
    """One named check; ``group`` is None for one that looks at everything every time."""

    id: str
    kind: Kind
    says: str
    services: tuple[str, ...]
    check: Check
    group: Group | None = None


def finding(clause: str, expected: object, found: object, **keys: object) -> Finding:
    """A finding with its keys as text."""
    return Finding(clause, tuple((name, str(key)) for name, key in keys.items()), str(expected), str(found))


def sql(id: str, kind: Kind, says: str, service: str, *queries: str, group: Group | None = None) -> Clause:
    """A clause that one database answers: each row of the queries is a finding.

    Columns ``expected`` and ``found`` are told as such, all others are its keys.
    """

    async def check(books: Books) -> AsyncIterator[Finding]:
        for query in queries:
            async for row in books.rows(service, query):
                keys = {name: value for name, value in row.items() if name not in ("expected", "found")}
                yield finding(id, row["expected"], row["found"], **keys)

    return Clause(id, kind, says, (service,), check, group)


def require_running(books: Books) -> None:
    """Raise NotChecked while the shop stands still, when everything that waits for a timer is late."""
    if not books.is_running:
        raise NotChecked("the shop stands still, so what waits for a timer is late by itself")
