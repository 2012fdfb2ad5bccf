"""The definitions of analytics.md 1, 4 and 5 in plain Python: slow, literal, and nothing shared with the SQL."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.clock import shop_day

GAP = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as it counts; a server event has neither ``anon_id`` nor ``session_id``."""

    event_id: UUID
    event: str
    ts: datetime
    seq: int
    anon_id: UUID | None
    session_id: UUID | None
    member_id: UUID | None

    @property
    def order(self) -> tuple[datetime, int, UUID]:
        return self.ts, self.seq, self.event_id


@dataclass(frozen=True, slots=True)
class Trade:
    """An order's fate."""

    member_id: UUID
    payable_fen: int
    placed_at: datetime
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    refund_fen: int = 0
    refunded_at: datetime | None = None


class Oracle:
    """Everything that is known, asked for a range of days."""

    def __init__(self, events: Iterable[Seen], trades: Sequence[Trade]) -> None:
        self.events = sorted(events, key=lambda event: event.order)
        self.trades = trades
        self.actors = {event.event_id: self._actor(event) for event in self.events}

    def _actor(self, event: Seen) -> UUID:
        if event.member_id:
            return event.member_id
        for other in self.events:
            if event.session_id and other.session_id == event.session_id and other.member_id:
                return other.member_id
        links = [other for other in self.events if other.anon_id == event.anon_id and other.member_id]
        after = [link for link in links if link.ts >= event.ts]
        if after:
            return after[0].member_id or event.event_id
        if links:
            return links[-1].member_id or event.event_id
        assert event.anon_id
        return event.anon_id

    def values(self, days: set[date]) -> dict[str, int | float | None]:
        """Every metric over some days."""

        def who(*names: str) -> set[UUID]:
            return {
                self.actors[e.event_id] for e in self.events if e.event in names and shop_day(e.ts) in days
            }

        def on(instant: datetime | None) -> bool:
            return instant is not None and shop_day(instant) in days

        visitors, viewers = who("app_open", "page_view"), who("product_view")
        paid = [trade for trade in self.trades if on(trade.paid_at)]
        created = [trade for trade in self.trades if on(trade.placed_at)]
        refunded = [trade for trade in self.trades if on(trade.refunded_at)]
        undecided = [trade for trade in created if not trade.paid_at and not trade.closed_at]
        pv = sum(e.event == "page_view" and shop_day(e.ts) in days for e in self.events)
        uv, gmv, refund = len(visitors), sum(t.payable_fen for t in paid), sum(t.refund_fen for t in refunded)
        sessions = sum(shop_day(began) in days for began in self._session_starts())
        carting, ordering = viewers & who("add_to_cart"), visitors & who("order_created")
        paying, payers = visitors & who("order_paid"), {t.member_id for t in paid}
        succeeded = sum(t.paid_at is not None for t in created)
        first: dict[UUID, datetime] = {}
        for e in self.events:
            first.setdefault(self.actors[e.event_id], e.ts)
        return {
            "pv": pv,
            "uv": uv,
            "new_uv": sum(shop_day(ts) in days for ts in first.values()),
            "sessions": sessions,
            "viewers": len(viewers),
            "carting_viewers": len(carting),
            "ordering_visitors": len(ordering),
            "paying_visitors": len(paying),
            "orders_created": len(created),
            "orders_created_paid": succeeded,
            "orders_paid": len(paid),
            "paying_members": len(payers),
            "gmv_fen": gmv,
            "refunds": len(refunded),
            "refund_fen": refund,
            "net_gmv_fen": gmv - refund,
            "uv_pv": uv / pv if pv else None,
            "pv_uv": pv / uv if uv else None,
            "depth": pv / sessions if sessions else None,
            "cart_rate": len(carting) / len(viewers) if viewers else None,
            "order_rate": len(ordering) / uv if uv else None,
            "pay_conversion": len(paying) / uv if uv else None,
            "pay_success": succeeded / len(created) if created and not undecided else None,
            "customer_price_fen": gmv / len(payers) if payers else None,
            "order_price_fen": gmv / len(paid) if paid else None,
            "uv_value_fen": gmv / uv if uv else None,
            "net_uv_value_fen": (gmv - refund) / uv if uv else None,
        }

    def _session_starts(self) -> list[datetime]:
        starts: dict[tuple[UUID, UUID], datetime] = {}
        unnamed: list[datetime] = []
        last: dict[UUID, datetime] = {}
        for e in self.events:
            actor = self.actors[e.event_id]
            if e.session_id:
                starts.setdefault((actor, e.session_id), e.ts)
            elif e.anon_id:
                if actor not in last or e.ts - last[actor] > GAP:
                    unnamed.append(e.ts)
                last[actor] = e.ts
        return [*starts.values(), *unnamed]

    def funnel(self, steps: Sequence[str], window: timedelta, days: set[date]) -> list[int]:
        """Actors by the deepest step that any of their chains reaches, every chain tried."""
        by_actor: defaultdict[UUID, list[Seen]] = defaultdict(list)
        for e in self.events:
            by_actor[self.actors[e.event_id]].append(e)
        depths = [self._depth(events, steps, window, days) for events in by_actor.values()]
        return [sum(depth >= n for depth in depths) for n in range(1, len(steps) + 1)]

    @staticmethod
    def _depth(events: list[Seen], steps: Sequence[str], window: timedelta, days: set[date]) -> int:
        deepest = 0
        for entry in events:
            if entry.event != steps[0] or shop_day(entry.ts) not in days:
                continue
            depth, reached = 1, entry.ts
            for step in steps[1:]:
                later = [e.ts for e in events if e.event == step and reached <= e.ts <= entry.ts + window]
                if not later:
                    break
                depth, reached = depth + 1, min(later)
            deepest = max(deepest, depth)
        return deepest
