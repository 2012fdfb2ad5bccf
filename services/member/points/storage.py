"""The points book: an append-only ledger, guarded balances beside it, and the lots that points lie in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.member.points.domain import Balance, PointRules, Source, Transfer
from shared.connection import Connection
from shared.http.problems import NotFound

_OPEN = text("INSERT INTO points_accounts (member_id) VALUES (:member_id)")
_LOCK = text(
    "SELECT spendable, held, owed FROM points_accounts WHERE member_id = :member_id FOR NO KEY UPDATE"
)
_HAS = text(
    "SELECT EXISTS (SELECT FROM points_transfers"
    " WHERE source_type = :source_type AND source_id = :source_id AND kind = :kind)"
)
_POST = text(
    "WITH posted AS ("
    "  INSERT INTO points_transfers"
    "   (id, member_id, kind, from_account, to_account, points, source_type, source_id, reason, at)"
    "  SELECT id, CAST(:member_id AS uuid), kind, from_account, to_account, points, CAST(:source_type AS text),"
    "   CAST(:source_id AS text), CAST(:reason AS text), CAST(:at AS timestamptz)"
    "  FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:from_accounts AS text[]),"
    "   CAST(:to_accounts AS text[]), CAST(:points AS bigint[]))"
    "   AS moved (id, kind, from_account, to_account, points))"
    " UPDATE points_accounts SET spendable = spendable + :spendable, held = held + :held, owed = owed + :owed"
    " WHERE member_id = :member_id"
)
_ADD_LOT = text(
    "INSERT INTO points_lots (id, member_id, points, remaining, expires_at)"
    " VALUES (:id, :member_id, :points, :points, :expires_at)"
)
_USE_LOTS = text(
    "UPDATE points_lots SET remaining = remaining - least(remaining, CAST(:points AS bigint) - queue.before)"
    " FROM (SELECT id, sum(remaining) OVER (ORDER BY expires_at, id) - remaining AS before"
    "  FROM points_lots WHERE member_id = :member_id AND remaining > 0) AS queue"
    " WHERE points_lots.id = queue.id AND queue.before < :points"
)
_DUE = text(
    "SELECT coalesce(sum(remaining), 0) FROM points_lots"
    " WHERE member_id = :member_id AND remaining > 0 AND expires_at <= :at"
)
_EXPIRING = text(
    "SELECT l.member_id FROM points_lots l JOIN points_accounts a ON a.member_id = l.member_id"
    " WHERE l.remaining > 0 AND l.expires_at <= :at"
    " GROUP BY l.member_id, a.held HAVING sum(l.remaining) > a.held ORDER BY l.member_id LIMIT :limit"
)
_RULES = text(
    "SELECT earn_points_per_yuan, growth_per_yuan, login_points, points_per_yuan, points_max_ratio_bp,"
    " expire_after_days FROM point_rules"
)
_LOCK_RULES = text("SELECT id FROM point_rules FOR UPDATE")
_PUT_RULES = text(
    "UPDATE point_rules SET earn_points_per_yuan = :earn_points_per_yuan, growth_per_yuan = :growth_per_yuan,"
    " login_points = :login_points, points_per_yuan = :points_per_yuan,"
    " points_max_ratio_bp = :points_max_ratio_bp, expire_after_days = :expire_after_days"
)


class PointsBook:
    """The points of one transaction; a member's balance is locked before it is moved."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, member_id: UUID) -> None:
        """The balance of a new member."""
        await self._connection.execute(_OPEN, {"member_id": member_id})

    async def lock(self, member_id: UUID) -> Balance:
        """A member's balance, kept from others until the transaction ends; raises NotFound."""
        row = (await self._connection.execute(_LOCK, {"member_id": member_id})).one_or_none()
        if row is None:
            raise NotFound()
        return Balance(*row)

    async def has(self, source: Source, kind: str) -> bool:
        """Whether the ledger has a movement of this kind from this source."""
        found = await self._connection.execute(
            _HAS, {"source_type": source.type, "source_id": source.id, "kind": kind}
        )
        return bool(found.scalar_one())

    async def post(
        self,
        member_id: UUID,
        transfers: Sequence[Transfer],
        source: Source,
        *,
        at: datetime,
        expires_at: datetime | None = None,
        reason: str | None = None,
    ) -> None:
        """Make transfers: ledger, balance and lots together; points that come to the member expire at `expires_at`."""
        if not transfers:
            return
        change = Balance(0, 0, 0).after(transfers)
        await self._connection.execute(
            _POST,
            {
                "member_id": member_id,
                "ids": [transfer.id for transfer in transfers],
                "kinds": [transfer.kind for transfer in transfers],
                "from_accounts": [transfer.from_account for transfer in transfers],
                "to_accounts": [transfer.to_account for transfer in transfers],
                "points": [transfer.points for transfer in transfers],
                "source_type": source.type,
                "source_id": source.id,
                "reason": reason,
                "at": at,
                "spendable": change.spendable,
                "held": change.held,
                "owed": change.owed,
            },
        )
        for transfer in transfers:
            lot = {"member_id": member_id, "points": transfer.points}
            if transfer.makes_lot:
                await self._connection.execute(_ADD_LOT, lot | {"id": transfer.id, "expires_at": expires_at})
            elif transfer.uses_lots:
                await self._connection.execute(_USE_LOTS, lot)

    async def due(self, member_id: UUID, *, at: datetime) -> int:
        """How many of a member's points are past their day."""
        due = await self._connection.execute(_DUE, {"member_id": member_id, "at": at})
        return int(due.scalar_one())

    async def members_with_due_points(self, *, at: datetime, limit: int) -> Sequence[UUID]:
        """Members of whose points some expire now."""
        return (await self._connection.execute(_EXPIRING, {"at": at, "limit": limit})).scalars()


class RuleBook:
    """The shop's one row of point rules."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rules(self) -> PointRules:
        """The rules in force."""
        return PointRules(*(await self._connection.execute(_RULES)).one())

    async def lock(self) -> None:
        """Let one operator at a time change the rules."""
        await self._connection.execute(_LOCK_RULES)

    async def put(self, rules: PointRules) -> None:
        """Replace the rules."""
        await self._connection.execute(_PUT_RULES, {name: getattr(rules, name) for name in rules.__slots__})
