"""The points ledger's rules: what each movement moves, and what a balance allows (MB-03, MB-04, L1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.clock import day_starts_at, shop_day
from shared.http.problems import Problem
from shared.ids import new_id

MAX_POINTS = 10**12
"""No balance may be higher (K1)."""


class NotEnoughPoints(Problem):
    """The balance does not allow it; `spendable` says what it is."""

    slug, title, status = "member/not-enough-points", "Not enough points", 409


class TooManyPoints(Problem):
    """The balance would pass every bound."""

    slug, title, status = "member/too-many-points", "The balance would be too high", 409


class Account(StrEnum):
    """Where points can be; a member's debt is what a claw-back could not find, as a negative balance."""

    SPENDABLE = "spendable"
    HELD = "held"
    DEBT = "debt"
    SHOP = "shop"


class Kind(StrEnum):
    """Why points move; from where to where is the kind's own (`ROUTES`)."""

    EARN = "earn"
    RETURN = "return"
    GRANT = "grant"
    HOLD = "hold"
    RELEASE = "release"
    SPEND = "spend"
    TAKE_BACK = "take_back"
    OWE = "owe"
    REPAY = "repay"
    DEDUCT = "deduct"
    EXPIRE = "expire"


ROUTES = {
    Kind.EARN: (Account.SHOP, Account.SPENDABLE),
    Kind.RETURN: (Account.SHOP, Account.SPENDABLE),
    Kind.GRANT: (Account.SHOP, Account.SPENDABLE),
    Kind.HOLD: (Account.SPENDABLE, Account.HELD),
    Kind.RELEASE: (Account.HELD, Account.SPENDABLE),
    Kind.SPEND: (Account.HELD, Account.SHOP),
    Kind.TAKE_BACK: (Account.SPENDABLE, Account.SHOP),
    Kind.OWE: (Account.DEBT, Account.SHOP),
    Kind.REPAY: (Account.SPENDABLE, Account.DEBT),
    Kind.DEDUCT: (Account.SPENDABLE, Account.SHOP),
    Kind.EXPIRE: (Account.SPENDABLE, Account.SHOP),
}

_BACKED = frozenset({Account.SPENDABLE, Account.HELD})
"""The accounts whose points lie in lots."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a movement comes from; with its kind it is unique in the ledger (L2)."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """So many points (> 0) from one account to another: two entries that sum to zero."""

    kind: Kind
    points: int
    id: UUID = field(default_factory=new_id)

    @property
    def from_account(self) -> Account:
        return ROUTES[self.kind][0]

    @property
    def to_account(self) -> Account:
        return ROUTES[self.kind][1]

    @property
    def makes_lot(self) -> bool:
        """Whether new points come to the member, to expire one day."""
        return self.to_account in _BACKED and self.from_account not in _BACKED

    @property
    def uses_lots(self) -> bool:
        """Whether points leave the member, the oldest first."""
        return self.from_account in _BACKED and self.to_account not in _BACKED

    def change(self, account: Account) -> int:
        """What this does to an account's balance."""
        return self.points * ((self.to_account is account) - (self.from_account is account))


@dataclass(frozen=True, slots=True)
class Balance:
    """A member's points; `owed` is the debt as a positive number, and nobody owes who has something to spend.

    Its methods answer with the transfers that do what they say; the balance itself does not change.
    """

    spendable: int
    held: int
    owed: int

    def receive(self, kind: Kind, points: int) -> list[Transfer]:
        """Points that come to the member; what is owed is repaid from them first. Raises TooManyPoints."""
        if self.spendable + points > MAX_POINTS:
            raise TooManyPoints()
        repaid = min(points, self.owed)
        return _moved((kind, points), (Kind.REPAY, repaid))

    def hold(self, points: int) -> list[Transfer]:
        """Points set aside for an order. Raises NotEnoughPoints."""
        return self._pay(Kind.HOLD, points)

    def deduct(self, points: int) -> list[Transfer]:
        """Points an operator takes away. Raises NotEnoughPoints."""
        return self._pay(Kind.DEDUCT, points)

    def take_back(self, points: int) -> list[Transfer]:
        """Earned points that a refund undoes; what was spent meanwhile becomes debt."""
        found = min(points, self.spendable)
        return _moved((Kind.TAKE_BACK, found), (Kind.OWE, points - found))

    def expire(self, due: int) -> list[Transfer]:
        """Points of lots past their day, but for those held: orders in flight use the oldest lots."""
        return _moved((Kind.EXPIRE, max(0, due - self.held)))

    def after(self, transfers: Sequence[Transfer]) -> "Balance":
        """The balance once the transfers are made."""
        return Balance(
            self.spendable + sum(transfer.change(Account.SPENDABLE) for transfer in transfers),
            self.held + sum(transfer.change(Account.HELD) for transfer in transfers),
            self.owed - sum(transfer.change(Account.DEBT) for transfer in transfers),
        )

    def _pay(self, kind: Kind, points: int) -> list[Transfer]:
        if points > self.spendable:
            raise NotEnoughPoints(spendable=self.spendable)
        return _moved((kind, points))


@dataclass(frozen=True, slots=True)
class PointRules:
    """How points are earned and what they are worth; operators edit them.

    `points_per_yuan` points pay 1 yuan, for at most `points_max_ratio_bp` of an order's goods; points expire at the end
    of the shop day `expire_after_days` after the day they came.
    """

    earn_points_per_yuan: int
    growth_per_yuan: int
    login_points: int
    points_per_yuan: int
    points_max_ratio_bp: int
    expire_after_days: int

    def expires_at(self, at: datetime) -> datetime:
        """When points that come now expire."""
        return day_starts_at(shop_day(at) + timedelta(days=self.expire_after_days + 1))


def _moved(*movements: tuple[Kind, int]) -> list[Transfer]:
    return [Transfer(kind, points) for kind, points in movements if points > 0]
