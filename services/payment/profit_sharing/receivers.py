"""Receivers and rules in the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.payment.profit_sharing.domain import (
    Receiver,
    ReceiverKind,
    ReceiverStatus,
    RulePart,
    ShareRule,
)
from shared.connection import Connection, Row

_RECEIVER = "receiver_id, kind, account, relation, custom_relation, status, added_at, last_error"
_INTEND = text(
    "INSERT INTO share_receivers AS r (receiver_id, kind, account, relation, custom_relation, status, added_at,"
    " changed_at) VALUES (:receiver_id, :kind, :account, :relation, :custom_relation, 'adding', :at, :at)"
    " ON CONFLICT (kind, account) DO UPDATE SET relation = excluded.relation,"
    " custom_relation = excluded.custom_relation, changed_at = excluded.changed_at,"
    " status = CASE r.status WHEN 'active' THEN 'active' ELSE 'adding' END"
    f" RETURNING {_RECEIVER}"
)
_MOVE = text(
    "UPDATE share_receivers SET status = :status, changed_at = :at, last_error = NULL"
    " WHERE receiver_id = :receiver_id AND status = ANY(:before)"
)
_NOTE = text("UPDATE share_receivers SET last_error = :error WHERE receiver_id = :receiver_id")
_FIND = text(f"SELECT {_RECEIVER} FROM share_receivers WHERE receiver_id = :receiver_id")
_ACTIVE = text(
    "SELECT receiver_id FROM share_receivers WHERE receiver_id = ANY(:receiver_ids) AND status = 'active'"
    " ORDER BY receiver_id FOR SHARE"
)
_RULE = (
    "SELECT version, max_bp, fee_bp, share_after_seconds, unfreeze_after_seconds,"
    " (SELECT coalesce(jsonb_agg(jsonb_build_array(p.receiver_id, p.share_bp) ORDER BY p.receiver_id), '[]')"
    "  FROM share_rule_parts p WHERE p.version = r.version) AS parts FROM share_rules r"
)
_RULE_NOW = text(f"{_RULE} ORDER BY version DESC LIMIT 1")
_RULE_OF = text(f"{_RULE} WHERE version = :version")
_ADD_RULE = text(
    "INSERT INTO share_rules (version, total_bp, max_bp, fee_bp, share_after_seconds, unfreeze_after_seconds, set_at)"
    " VALUES (:version, :total_bp, :max_bp, :fee_bp, :share_after_seconds, :unfreeze_after_seconds, :at)"
    " ON CONFLICT DO NOTHING"
)
_ADD_PARTS = text(
    "INSERT INTO share_rule_parts (version, receiver_id, share_bp)"
    " SELECT :version, * FROM unnest(CAST(:receiver_ids AS uuid[]), CAST(:shares_bp AS integer[]))"
)


class Receivers:
    """The receivers of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def intend(
        self,
        receiver_id: UUID,
        kind: ReceiverKind,
        account: str,
        *,
        relation: str,
        custom_relation: str | None,
        at: datetime,
    ) -> Receiver:
        """The receiver of an account, about to be registered unless it is; new under ``receiver_id``."""
        row = await self._connection.execute(
            _INTEND,
            {
                "receiver_id": receiver_id,
                "kind": kind,
                "account": account,
                "relation": relation,
                "custom_relation": custom_relation,
                "at": at,
            },
        )
        return _receiver(row.one())

    async def move(
        self, receiver_id: UUID, status: ReceiverStatus, *, before: Sequence[ReceiverStatus], at: datetime
    ) -> bool:
        """Note how a receiver stands; False when it did not stand as expected."""
        done = await self._connection.execute(
            _MOVE, {"receiver_id": receiver_id, "status": status, "before": list(before), "at": at}
        )
        return done.rowcount == 1

    async def note(self, receiver_id: UUID, error: str) -> None:
        """Note why a receiver could not be registered or removed."""
        await self._connection.execute(_NOTE, {"receiver_id": receiver_id, "error": error[:500]})

    async def find(self, receiver_id: UUID) -> Receiver | None:
        """A receiver."""
        row = (await self._connection.execute(_FIND, {"receiver_id": receiver_id})).one_or_none()
        return None if row is None else _receiver(row)

    async def active(self, receiver_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these may get something, and stay so until the transaction's end."""
        rows = await self._connection.execute(_ACTIVE, {"receiver_ids": list(receiver_ids)})
        return {row.receiver_id for row in rows}


class Rules:
    """The share rules of one transaction; the newest version is in force."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def in_force(self) -> ShareRule | None:
        """The rule for payments to come."""
        row = (await self._connection.execute(_RULE_NOW)).one_or_none()
        return None if row is None else _rule(row)

    async def of(self, version: int) -> ShareRule:
        """A version, which exists."""
        return _rule((await self._connection.execute(_RULE_OF, {"version": version})).one())

    async def add(self, rule: ShareRule, *, at: datetime) -> bool:
        """Put a new version in force; False when somebody else took its number."""
        done = await self._connection.execute(
            _ADD_RULE,
            {
                "version": rule.version,
                "total_bp": sum(part.share_bp for part in rule.parts),
                "max_bp": rule.max_bp,
                "fee_bp": rule.fee_bp,
                "share_after_seconds": rule.share_after_seconds,
                "unfreeze_after_seconds": rule.unfreeze_after_seconds,
                "at": at,
            },
        )
        if done.rowcount == 1:
            receiver_ids = [part.receiver_id for part in rule.parts]
            shares_bp = [part.share_bp for part in rule.parts]
            await self._connection.execute(
                _ADD_PARTS,
                {"version": rule.version, "receiver_ids": receiver_ids, "shares_bp": shares_bp},
            )
        return done.rowcount == 1


def _receiver(row: Row) -> Receiver:
    said = dict(row)
    return Receiver(**{**said, "kind": ReceiverKind(said["kind"]), "status": ReceiverStatus(said["status"])})


def _rule(row: Row) -> ShareRule:
    said = dict(row)
    parts = tuple(RulePart(UUID(receiver_id), share_bp) for receiver_id, share_bp in said["parts"])
    return ShareRule(**{**said, "parts": parts})
