"""The goods a campaign is for; kinds and ids mean what they mean to the price engine (MK-17)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from shared.connection import Row
from shared.http.bodies import Body, Id
from shared.http.problems import Invalid

MOST_IDS = 500


class ScopeKind(StrEnum):
    """What a scope's ids mean."""

    ALL = "all"
    CATEGORIES = "categories"
    PRODUCTS = "products"


@dataclass(frozen=True, slots=True)
class Scope:
    """All goods, or those of the listed categories (with everything below them) or products; ids are sorted."""

    kind: ScopeKind = ScopeKind.ALL
    ids: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind is ScopeKind.ALL) != (not self.ids):
            raise Invalid("A scope lists ids unless it covers everything.")


EVERYTHING = Scope()


class ScopeBody(Body):
    """A scope as operators send it."""

    kind: Annotated[ScopeKind, Field(strict=False)] = ScopeKind.ALL
    ids: list[Id] = Field(max_length=MOST_IDS, default_factory=list)

    def scope(self) -> Scope:
        """The scope; raises Invalid."""
        return Scope(self.kind, tuple(sorted(set(self.ids))))


def with_scope(row: Row) -> dict[str, Any]:
    """A row's values with the columns ``scope_kind`` and ``scope_ids`` as one ``scope``."""
    values: dict[str, Any] = dict(row)
    kind, ids = ScopeKind(values.pop("scope_kind")), values.pop("scope_ids")
    return values | {"scope": Scope(kind, tuple(ids))}
