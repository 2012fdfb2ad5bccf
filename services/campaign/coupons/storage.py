"""The rows of coupons; a state never changes without its journal row, since one statement writes both (C4)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.campaign.coupon_templates.storage import OPEN
from services.campaign.coupons.domain import MOVES, Coupon, CouponState, Step
from shared.connection import Connection, Row
from shared.ids import new_id

_COLUMNS = ("id", "template_id", "member_id", "state", "starts_at", "expires_at")
_COUPON = ", ".join(_COLUMNS)
_COUNT_OF = "SELECT count(*) FROM coupons WHERE template_id = :template_id AND member_id = :member_id"

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:claims, 0))")
_CLAIM = text(f"""
    WITH template AS (
      UPDATE coupon_templates t SET issued = issued + 1
       WHERE id = :template_id AND {OPEN} AND ({_COUNT_OF}) < per_member_limit
      RETURNING id, version, per_member_limit, coalesce(valid_from_at, :at) AS starts_at,
        coalesce(valid_until_at, CAST(:at AS timestamptz) + make_interval(days => valid_days)) AS expires_at
    ), coupon AS (
      INSERT INTO coupons (id, code, template_id, template_version, member_id, sequence, per_member_limit, state,
                           starts_at, expires_at, claimed_at)
      SELECT :id, :code, id, version, :member_id, ({_COUNT_OF}) + 1, per_member_limit, 'available',
             starts_at, expires_at, :at FROM template
      RETURNING id
    )
    INSERT INTO coupon_journal (coupon_id, kind, to_state, source_type, source_id, at)
    SELECT id, 'claim', 'available', 'coupon', id, :at FROM coupon""")
_COUNT = text(_COUNT_OF)
_LOCK = text(f"SELECT {_COUPON} FROM coupons WHERE id = :id AND member_id = :member_id FOR NO KEY UPDATE")
_HELD = text(f"SELECT {_COUPON} FROM coupons WHERE order_id = :order_id FOR NO KEY UPDATE")
_MOVE = text(f"""
    WITH moved AS (
      UPDATE coupons c SET state = :to_state, order_id = CASE WHEN CAST(:is_held AS boolean) THEN l.order_id END
        FROM coupon_locks l WHERE l.order_id = ANY(:order_ids) AND c.id = l.coupon_id AND c.state = :from_state
      RETURNING l.order_id AS of_order, {", ".join(f"c.{column}" for column in _COLUMNS)}
    ), entry AS (
      INSERT INTO coupon_journal (coupon_id, kind, from_state, to_state, source_type, source_id, at)
      SELECT id, :kind, :from_state, state, 'order', of_order, :at FROM moved
    )
    SELECT of_order, {_COUPON} FROM moved""")
_EXPIRE = text("""
    WITH due AS (
      SELECT id FROM coupons WHERE state = 'available' AND expires_at <= :at
       ORDER BY expires_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
    ), expired AS (
      UPDATE coupons c SET state = 'expired' FROM due WHERE c.id = due.id RETURNING c.id
    )
    INSERT INTO coupon_journal (coupon_id, kind, from_state, to_state, source_type, source_id, at)
    SELECT id, 'expire', 'available', 'expired', 'coupon', id, :at FROM expired""")


class Coupons:
    """Members' coupons."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, template_id: UUID, member_id: UUID, *, code: str, at: datetime) -> UUID | None:
        """Take one coupon out of an open template for a member; None when there is none for them (P7).

        One member's claims come one after another; the quota is guarded where it is counted (C1).
        """
        await self._connection.execute(_ONE_AT_A_TIME, {"claims": f"claims:{template_id}:{member_id}"})
        coupon_id = new_id()
        values = {"id": coupon_id, "code": code, "template_id": template_id, "member_id": member_id, "at": at}
        claimed = await self._connection.execute(_CLAIM, values)
        return coupon_id if claimed.rowcount == 1 else None

    async def count(self, template_id: UUID, member_id: UUID) -> int:
        """How many coupons of a template a member has had."""
        values = {"template_id": template_id, "member_id": member_id}
        found: int = (await self._connection.execute(_COUNT, values)).scalar_one()
        return found

    async def lock(self, coupon_id: UUID, member_id: UUID) -> Coupon | None:
        """A coupon of this member's; nobody moves it until this transaction ends."""
        found = await self._connection.execute(_LOCK, {"id": coupon_id, "member_id": member_id})
        row = found.one_or_none()
        return _coupon(row) if row else None

    async def held_by(self, order_id: UUID) -> Coupon:
        """The coupon that an order has locked or used; nobody moves it until this transaction ends."""
        return _coupon((await self._connection.execute(_HELD, {"order_id": order_id})).one())

    async def move(self, order_ids: Collection[UUID], step: Step, *, at: datetime) -> dict[UUID, Coupon]:
        """Take a step with the coupons that orders' locks name, and their journal rows; the coupon of each order after it.

        Raises LookupError when one of them is not where this step begins.
        """
        from_state, to_state = MOVES[step]
        values = {
            "kind": step,
            "from_state": from_state,
            "to_state": to_state,
            "is_held": to_state in (CouponState.LOCKED, CouponState.USED),
            "order_ids": list(order_ids),
            "at": at,
        }
        moved = {row.of_order: _coupon(row) for row in await self._connection.execute(_MOVE, values)}
        if moved.keys() != set(order_ids):
            raise LookupError(f"a coupon that its order has locked is not {from_state}")
        return moved

    async def expire(self, *, at: datetime, most: int) -> int:
        """Mark coupons whose time is over; returns how many."""
        return (await self._connection.execute(_EXPIRE, {"at": at, "most": most})).rowcount


def _coupon(row: Row) -> Coupon:
    values: dict[str, Any] = {column: row[column] for column in _COLUMNS}
    return Coupon(**values | {"state": CouponState(row.state)})
