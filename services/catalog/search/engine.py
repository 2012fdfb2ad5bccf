"""What the catalog asks of a search engine, whichever it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from shared.connection import Connection

MOST_HITS = 200


@dataclass(frozen=True, slots=True)
class Document:
    """A product on sale as it can be found; ``terms`` are words worth suggesting."""

    product_id: UUID
    name: str
    texts: Sequence[str]
    terms: Sequence[str]
    sales: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that was found; a higher score fits better."""

    product_id: UUID
    score: int


@dataclass(frozen=True, slots=True)
class Hits:
    """The best hits of a query; ``is_exact`` unless it needed the benefit of the doubt."""

    found: Sequence[Hit]
    is_exact: bool


class SearchEngine(Protocol):
    """Keeps documents, within the transaction it is given, and finds them, without one."""

    async def index(self, connection: Connection, documents: Sequence[Document]) -> None:
        """Add documents, or replace those of the same products."""
        ...

    async def rank_by_sales(self, connection: Connection, product_ids: Collection[UUID]) -> None:
        """Take over how often products were sold."""
        ...

    async def remove(self, connection: Connection, product_ids: Collection[UUID]) -> None:
        """Forget documents."""
        ...

    async def find(self, connection: Connection, query: str) -> Hits:
        """At most MOST_HITS documents, best first; never fails, whatever the query."""
        ...

    async def suggest(self, connection: Connection, beginning: str, *, limit: int) -> list[str]:
        """Terms that begin so, in Chinese, in pinyin or by initials; the most popular first."""
        ...
