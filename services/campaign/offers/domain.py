"""A cart as campaigns look at it: which goods, and for how much at list price."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.campaign.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU of a cart; `category_ids` run from its own category up to the root."""

    product_id: UUID
    category_ids: tuple[UUID, ...]
    unit_price_fen: int
    quantity: int

    def is_in(self, scope: Scope) -> bool:
        """Whether an offer of this scope is for the line."""
        match scope.kind:
            case ScopeKind.ALL:
                return True
            case ScopeKind.PRODUCTS:
                return self.product_id in scope.ids
            case ScopeKind.CATEGORIES:
                return not set(scope.ids).isdisjoint(self.category_ids)


def list_price_fen(lines: Sequence[Line], scope: Scope) -> int:
    """What the goods in a scope cost before any discount: no threshold above it can be reached."""
    return sum(line.unit_price_fen * line.quantity for line in lines if line.is_in(scope))
