"""Sold out, known without asking: in a rush most buyers hear from memory what the catalog told those before them.

Nothing is written for them, and their keys keep nothing: the same key may be tried again, as after any refusal that was no
order's. Without a rush every order asks, so that what is given back can be bought at once.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.http.problems import Problem

RUSH = 8
"""So many refusals for want of one SKU, none of them a second after the one before, are a rush."""
REFUSED_SECONDS = 1.0
"""So long at most nobody hears what has come back, and so long a refusal counts."""
ASKING_SECONDS = 0.5
"""So long the others are told what one was told; then one of them asks again."""
MOST_SKUS = 1_000


class SoldOut(Problem):
    """The catalog's own refusal in its own words."""

    slug, title, status = "catalog/insufficient-stock", "Not enough stock", 409


@dataclass(slots=True)
class _Shortage:
    available: int
    refused_at: float
    refusals: int
    asked_at: float


class Shortages:
    """What this process was refused a moment ago, by SKU, in seconds of the event loop."""

    def __init__(self) -> None:
        self._known: dict[UUID, _Shortage] = {}
        self._rush_until = 0.0

    @property
    def is_rush(self) -> bool:
        """Whether there is a rush for any SKU."""
        return asyncio.get_running_loop().time() < self._rush_until

    def refusal(self, quantities: Mapping[UUID, int]) -> SoldOut | None:
        """What somebody is told who comes now, while others ask who will tell; None when the catalog is to be asked."""
        now = asyncio.get_running_loop().time()
        rushed = self._rushed(quantities, now)
        return _sold_out(
            quantities, {id_: each for id_, each in rushed.items() if now - each.asked_at < ASKING_SECONDS}
        )

    def may_ask(self, quantities: Mapping[UUID, int]) -> float:
        """Let somebody ask the catalog, and tell from when on; raises SoldOut while others ask who will tell."""
        if (refusal := self.refusal(quantities)) is not None:
            raise refusal
        now = asyncio.get_running_loop().time()
        for each in self._rushed(quantities, now).values():
            each.asked_at = now
        return now

    def may_go_on(self, quantities: Mapping[UUID, int], *, asking_since: float) -> None:
        """Raises SoldOut when others were refused since somebody was let through to ask."""
        rushed = self._rushed(quantities, asyncio.get_running_loop().time())
        known = {id_: each for id_, each in rushed.items() if each.refused_at > asking_since}
        if (refusal := _sold_out(quantities, known)) is not None:
            raise refusal

    def was_refused(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Somebody asked the catalog and was refused for want of these."""
        now = asyncio.get_running_loop().time()
        for item in items:
            sku_id = UUID(str(item["sku_id"]))
            before = self._fresh(sku_id, now)
            if len(self._known) >= MOST_SKUS:
                self._known.clear()
            refusals = 1 if before is None else before.refusals + 1
            self._known[sku_id] = _Shortage(int(item["available"]), now, refusals, now)
            if refusals >= RUSH:
                self._rush_until = now + REFUSED_SECONDS

    def was_granted(self, sku_ids: Collection[UUID], *, asking_since: float) -> None:
        """Somebody got these: of what was short before they asked there may be more."""
        for sku_id in sku_ids:
            known = self._known.get(sku_id)
            if known is not None and known.refused_at < asking_since:
                del self._known[sku_id]

    def _rushed(self, sku_ids: Collection[UUID], now: float) -> dict[UUID, _Shortage]:
        found = {sku_id: self._fresh(sku_id, now) for sku_id in sku_ids} if self._known else {}
        return {id_: each for id_, each in found.items() if each is not None and each.refusals >= RUSH}

    def _fresh(self, sku_id: UUID, now: float) -> _Shortage | None:
        known = self._known.get(sku_id)
        return known if known is not None and now - known.refused_at < REFUSED_SECONDS else None


def _sold_out(quantities: Mapping[UUID, int], known: Mapping[UUID, _Shortage]) -> SoldOut | None:
    items = [
        {"sku_id": str(sku_id), "wanted": quantities[sku_id], "available": each.available}
        for sku_id, each in known.items()
        if quantities[sku_id] > each.available
    ]
    return SoldOut(items=items) if items else None
