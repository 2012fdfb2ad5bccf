"""The order as priced so far: what the steps of the chain hand on to each other."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from operator import sub

from services.order.pricing.quote import Rejection, RejectionCode, StepCode
from services.order.pricing.request import PriceRequest
from shared.money import allocate


@dataclass(frozen=True, slots=True)
class Deduction:
    """What one offer takes off each line, in the order of the lines."""

    step: StepCode
    source_id: str
    source_name: str
    line_fen: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What each line still costs, and why; `by_key` are the line numbers in order of line_key."""

    payable_fen: tuple[int, ...]
    by_key: tuple[int, ...]
    deductions: tuple[Deduction, ...] = ()
    points_used: tuple[int, ...] = ()
    freight_fen: int = 0
    freight_discount_fen: int = 0
    rejected: tuple[Rejection, ...] = ()

    @classmethod
    def at_list_price(cls, request: PriceRequest) -> "Draft":
        """The goods before any discount."""
        lines = request.lines
        return cls(
            payable_fen=tuple(line.list_fen for line in lines),
            by_key=tuple(sorted(range(len(lines)), key=lambda number: lines[number].line_key)),
            points_used=(0,) * len(lines),
        )

    def cost_fen(self, numbers: Set[int]) -> int:
        """What these lines cost so far."""
        return sum(self.payable_fen[number] for number in numbers)

    def taken_fen(self, step: StepCode) -> tuple[int, ...]:
        """What a step took off each line."""
        taken = [deduction.line_fen for deduction in self.deductions if deduction.step is step]
        return tuple(map(sum, zip(*taken, strict=True))) if taken else (0,) * len(self.payable_fen)

    def share(self, total: int, weights: Sequence[int]) -> tuple[int, ...]:
        """Share `total` among the lines by weight; the odd ones fall by line_key, not by position."""
        shares = [0] * len(weights)
        parts = allocate(total, [weights[number] for number in self.by_key])
        for number, part in zip(self.by_key, parts, strict=True):
            shares[number] = part
        return tuple(shares)

    def spread(
        self, amount_fen: int, numbers: Set[int], *, step: StepCode, source_id: str, source_name: str
    ) -> "Draft":
        """Take an amount off these lines in proportion to what each still costs, so none falls below zero."""
        weights = [cost if number in numbers else 0 for number, cost in enumerate(self.payable_fen)]
        return self.take_off(Deduction(step, source_id, source_name, self.share(amount_fen, weights)))

    def take_off(self, deduction: Deduction) -> "Draft":
        """The order with a deduction, unless it is of nothing."""
        if not any(deduction.line_fen):
            return self
        return replace(
            self,
            payable_fen=tuple(map(sub, self.payable_fen, deduction.line_fen)),
            deductions=(*self.deductions, deduction),
        )

    def reject(
        self,
        step: StepCode,
        source_id: str,
        code: RejectionCode,
        *,
        missing_fen: int = 0,
        refused_points: int = 0,
    ) -> "Draft":
        """The order with a wish told as not granted."""
        rejection = Rejection(step, source_id, code, missing_fen, refused_points)
        return replace(self, rejected=(*self.rejected, rejection))
