"""How much each receiver gets of an order, and gives back for a refund."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.payment.profit_sharing.domain import RulePart, SharePart
from shared.money import WHOLE_BP, allocate


@dataclass(frozen=True, slots=True)
class Back:
    """So much of a part is to go back."""

    part: SharePart
    amount_fen: int


def split(parts: Sequence[RulePart], *, base_fen: int, limit_fen: int) -> list[tuple[UUID, int]]:
    """What each receiver gets of ``base_fen``, by largest remainder, in all at most ``limit_fen``; nobody gets nothing."""
    weights = [part.share_bp for part in parts]
    total_fen = min(base_fen * sum(weights) // WHOLE_BP, limit_fen)
    if total_fen <= 0:
        return []
    amounts = allocate(total_fen, weights)
    return [(part.receiver_id, amount) for part, amount in zip(parts, amounts, strict=True) if amount]


def backs(parts: Sequence[tuple[SharePart, int]], *, paid_fen: int, refunded_fen: int) -> list[Back]:
    """What must go back when ``refunded_fen`` in all are refunded: pro rata, cumulatively exact, all at the end.

    ``parts`` come with the base that they were shares of; a receiver keeps its part of what is left of that base.
    """
    left_fen = max(0, paid_fen - refunded_fen)
    found = []
    for part, base_fen in parts:
        due_fen = part.amount_fen - part.amount_fen * left_fen // base_fen - part.back_fen
        if due_fen > 0:
            found.append(Back(part, due_fen))
    return found
