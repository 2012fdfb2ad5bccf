"""The points book: an append-only ledger, guarded balances beside it, and the lots that points lie in."""

from collections.abc import Sequence
from dataclasses import dataclass
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
_POST = text("""
    WITH moved AS (
      SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:member_ids AS uuid[]), CAST(:kinds AS text[]),
        CAST(:from_accounts AS text[]), CAST(:to_accounts AS text[]), CAST(:points AS bigint[]),
        CAST(:source_types AS text[]), CAST(:source_ids AS text[]), CAST(:reasons AS text[]),
        CAST(:makes_lot AS boolean[]), CAST(:uses_lots AS boolean[])) AS m (id, member_id, kind, from_account,
        to_account, points, source_type, source_id, reason, makes_lot, uses_lots)
    ), posted AS (
      INSERT INTO points_transfers (id, member_id, kind, from_account, to_account, points, source_type, source_id,
                                    reason, at)
      SELECT id, member_id, kind, from_account, to_account, points, source_type, source_id, reason,
             CAST(:at AS timestamptz) FROM moved
    ), used AS (
      SELECT member_id, sum(points) AS points FROM moved WHERE uses_lots GROUP BY member_id
    ), lots AS (
      SELECT l.id, l.member_id, l.remaining AS points, l.expires_at, false AS is_new
        FROM points_lots l JOIN used USING (member_id) WHERE l.remaining > 0
       UNION ALL
      SELECT id, member_id, points, CAST(:expires_at AS timestamptz), true FROM moved WHERE makes_lot
    ), queue AS (
      SELECT *, sum(points) OVER (PARTITION BY member_id ORDER BY expires_at, id) - points AS before FROM lots
    ), after AS (
      SELECT q.*, q.points - least(q.points, greatest(0, coalesce(u.points, 0) - q.before)) AS remaining
        FROM queue q LEFT JOIN used u USING (member_id)
    ), made AS (
      INSERT INTO points_lots (id, member_id, points, remaining, expires_at)
      SELECT id, member_id, points, remaining, expires_at FROM after WHERE is_new
    ), emptied AS (
      UPDATE points_lots l SET remaining = a.remaining FROM after a
       WHERE l.id = a.id AND NOT a.is_new AND a.remaining < l.remaining
    )
    UPDATE points_accounts a SET spendable = a.spendable + c.spendable, held = a.held + c.held, owed = a.owed + c.owed
      FROM unnest(CAST(:changed AS uuid[]), CAST(:spendable AS bigint[]), CAST(:held AS bigint[]),
        CAST(:owed AS bigint[])) AS c (member_id, spendable, held, owed) WHERE a.member_id = c.member_id""")
"""Ledger, lots and balances in one statement; points that leave are taken from the lots that expire first."""
_DUE = text(
    "SELECT coalesce(sum(remaining), 0) FROM points_lots"
    " WHERE member_id = :member_id AND remaining > 0 AND expires_at <= :at"
)
_EXPIRING = text(
    "SELECT l.member_id FROM points_lots l JOIN points_accounts a ON a.member_id = l.member_id"
    " WHERE l.remaining > 0 AND l.expires_at <= :at"
    " GROUP BY l.member_id, a.held HAVING sum(l.remaining) > a.held ORDER BY l.member_id LIMIT :limit"
)
RULES = "earn_points_per_yuan, growth_per_yuan, login_points, points_per_yuan, points_max_ratio_bp, expire_after_days"
"""The columns of `point_rules` that PointRules is made of."""
_RULES = text(f"SELECT {RULES} FROM point_rules")
_LOCK_RULES = text("SELECT id FROM point_rules FOR UPDATE")
_PUT_RULES = text(
    "UPDATE point_rules SET earn_points_per_yuan = :earn_points_per_yuan, growth_per_yuan = :growth_per_yuan,"
    " login_points = :login_points, points_per_yuan = :points_per_yuan,"
    " points_max_ratio_bp = :points_max_ratio_bp, expire_after_days = :expire_after_days"
)


@dataclass(frozen=True, slots=True)
class Posting:
    """Transfers of one member's points from one source, and why."""

    member_id: UUID
    transfers: Sequence[Transfer]
    source: Source
    reason: str | None = None


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
        self, postings: Sequence[Posting], *, at: datetime, expires_at: datetime | None = None
    ) -> None:
        """Make transfers: ledger, balances and lots together; points that come to a member expire at `expires_at`."""
        moved = [(posting, transfer) for posting in postings for transfer in posting.transfers]
        if not moved:
            return
        changes: dict[UUID, Balance] = {}
        for posting in postings:
            before = changes.get(posting.member_id, Balance(0, 0, 0))
            changes[posting.member_id] = before.after(posting.transfers)
        await self._connection.execute(
            _POST,
            {
                "ids": [transfer.id for _, transfer in moved],
                "member_ids": [posting.member_id for posting, _ in moved],
                "kinds": [transfer.kind for _, transfer in moved],
                "from_accounts": [transfer.from_account for _, transfer in moved],
                "to_accounts": [transfer.to_account for _, transfer in moved],
                "points": [transfer.points for _, transfer in moved],
                "source_types": [posting.source.type for posting, _ in moved],
                "source_ids": [posting.source.id for posting, _ in moved],
                "reasons": [posting.reason for posting, _ in moved],
                "makes_lot": [transfer.makes_lot for _, transfer in moved],
                "uses_lots": [transfer.uses_lots for _, transfer in moved],
                "at": at,
                "expires_at": expires_at,
                "changed": list(changes),
                "spendable": [change.spendable for change in changes.values()],
                "held": [change.held for change in changes.values()],
                "owed": [change.owed for change in changes.values()],
            },
        )

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
