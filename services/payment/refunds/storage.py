"""Refunds and their attempts. Every change of either is made under the refund's row lock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.payment.refunds.domain import (
    Refund,
    RefundAttempt,
    RefundAttemptStatus,
    RefundKind,
    RefundStatus,
    SentTo,
    out_refund_no,
)
from shared.connection import Connection, Row

_REFUND = (
    "r.refund_id, r.refund_number, r.kind, r.payment_id, r.order_id, r.out_trade_no, r.total_fen, r.refund_fen,"
    " r.reason, r.status"
)
_ATTEMPT = (
    "a.out_refund_no, a.refund_id, a.number, a.status, a.calls, a.wechat_refund_id, a.last_error, a.sent_to"
)
_RESERVE = text(
    "UPDATE payments SET refunded_fen = refunded_fen + :refund_fen, refund_count = refund_count + 1,"
    " share_back_fen = share_back_fen + :share_back_fen WHERE payment_id = :payment_id AND status = 'succeeded'"
    " AND refunded_fen + :refund_fen <= paid_fen AND refund_count < 50"
)
_ADD = text(
    "INSERT INTO refunds (refund_id, refund_number, kind, payment_id, order_id, out_trade_no, total_fen, refund_fen,"
    " reason, status, failure, requested_at) VALUES (:refund_id, :refund_number, :kind, :payment_id, :order_id,"
    " :out_trade_no, :total_fen, :refund_fen, :reason, :status, :failure, :at)"
)
_ADD_ATTEMPT = text(
    "INSERT INTO refund_attempts (out_refund_no, refund_id, number, status, requested_at)"
    " VALUES (:out_refund_no, :refund_id, :number, 'requested', :at)"
)
_LOCK_BY_ID = text(f"SELECT {_REFUND} FROM refunds r WHERE r.refund_id = :refund_id FOR UPDATE")
_PAID_NUMBER = text(
    "SELECT out_trade_no FROM attempts"
    " WHERE payment_id = :payment_id AND status = 'succeeded' AND surplus_reason IS NULL"
)
_LOCK = text(
    f"SELECT {_REFUND} FROM refunds r JOIN refund_attempts a USING (refund_id)"
    " WHERE a.out_refund_no = :out_refund_no FOR UPDATE OF r"
)
_BY_NUMBER = text(f"SELECT {_ATTEMPT} FROM refund_attempts a WHERE a.out_refund_no = :out_refund_no")
_NEWEST = text(
    f"SELECT {_ATTEMPT} FROM refund_attempts a WHERE a.refund_id = :refund_id ORDER BY a.number DESC LIMIT 1"
)
_NUMBERS = text(
    "SELECT a.out_refund_no FROM refund_attempts a JOIN refunds r USING (refund_id)"
    " WHERE r.payment_id = :payment_id ORDER BY a.requested_at, a.out_refund_no"
)
_CALL = text(
    "UPDATE refund_attempts SET calls = calls + 1, called_at = :at"
    " WHERE out_refund_no = :out_refund_no AND status IN ('requested', 'processing')"
)
_WAIT = text("UPDATE refund_attempts SET last_error = :error WHERE out_refund_no = :out_refund_no")
_MOVE_ATTEMPT = text(
    "UPDATE refund_attempts SET status = :status, wechat_refund_id = coalesce(:wechat_refund_id, wechat_refund_id),"
    " accepted_at = coalesce(accepted_at, CAST(:accepted_at AS timestamptz)),"
    " calls = CASE WHEN status = :status THEN calls ELSE 0 END, last_error = :error,"
    " finished_at = CASE WHEN :status IN ('requested', 'processing') THEN NULL ELSE CAST(:at AS timestamptz) END"
    " WHERE out_refund_no = :out_refund_no AND status <> 'succeeded'"
)
_MOVE = text(
    "UPDATE refunds SET status = :status, failure = :failure,"
    " refunded_at = CASE WHEN :status = 'succeeded' THEN CAST(:at AS timestamptz) END"
    " WHERE refund_id = :refund_id AND status NOT IN ('succeeded', 'refused')"
    " AND (status, failure) IS DISTINCT FROM (CAST(:status AS text), CAST(:failure AS text))"
)
_SEND_TO = text("UPDATE refund_attempts SET sent_to = :sent_to WHERE out_refund_no = :out_refund_no")
_SETTLE_OUTSIDE = text(
    "INSERT INTO outside_settlements (refund_id, evidence, settled_by, settled_at)"
    " VALUES (:refund_id, :evidence, :settled_by, :at)"
)


class Refunds:
    """The refunds of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def reserve(self, payment_id: UUID, refund_fen: int, *, share_back_fen: int) -> bool:
        """Set a part of what was paid aside; False when that much is not left, or 50 times was (P8, M2).

        ``share_back_fen`` of what was shared goes back for it (M9).
        """
        done = await self._connection.execute(
            _RESERVE,
            {"payment_id": payment_id, "refund_fen": refund_fen, "share_back_fen": share_back_fen},
        )
        return done.rowcount == 1

    async def lock(self, refund_id: UUID) -> Refund | None:
        """A refund that was asked for before, locked."""
        row = (await self._connection.execute(_LOCK_BY_ID, {"refund_id": refund_id})).one_or_none()
        return None if row is None else _refund(row)

    async def paid_number(self, payment_id: UUID) -> str:
        """The number of the attempt by which a payment succeeded."""
        found = await self._connection.execute(_PAID_NUMBER, {"payment_id": payment_id})
        return str(found.scalar_one())

    async def add(self, refund: Refund, *, failure: str | None, at: datetime) -> None:
        """Add a refund."""
        said = {name: getattr(refund, name) for name in Refund.__dataclass_fields__}
        await self._connection.execute(_ADD, {**said, "failure": failure, "at": at})

    async def add_attempt(self, refund: Refund, number: int, *, at: datetime) -> str:
        """Add a try that is to be made; returns its number at the provider."""
        name = out_refund_no(refund.refund_number, number)
        await self._connection.execute(
            _ADD_ATTEMPT, {"out_refund_no": name, "refund_id": refund.refund_id, "number": number, "at": at}
        )
        return name

    async def lock_by_number(self, out_refund_no: str) -> tuple[Refund, RefundAttempt] | None:
        """The attempt of a number and its refund, locked."""
        row = (await self._connection.execute(_LOCK, {"out_refund_no": out_refund_no})).one_or_none()
        attempt = None if row is None else await self.attempt(out_refund_no)
        return None if row is None or attempt is None else (_refund(row), attempt)

    async def attempt(self, out_refund_no: str) -> RefundAttempt | None:
        """The attempt of a number."""
        row = (await self._connection.execute(_BY_NUMBER, {"out_refund_no": out_refund_no})).one_or_none()
        return None if row is None else _attempt(row)

    async def numbers_of(self, payment_id: UUID) -> list[str]:
        """The provider's numbers of a payment's refunds."""
        rows = await self._connection.execute(_NUMBERS, {"payment_id": payment_id})
        return [str(row.out_refund_no) for row in rows]

    async def newest_attempt(self, refund_id: UUID) -> RefundAttempt:
        """A refund's last attempt."""
        return _attempt((await self._connection.execute(_NEWEST, {"refund_id": refund_id})).one())

    async def count_call(self, out_refund_no: str, *, at: datetime) -> None:
        """Note, before it is made, one more call in the attempt's present state (K9)."""
        await self._connection.execute(_CALL, {"out_refund_no": out_refund_no, "at": at})

    async def note_wait(self, out_refund_no: str, error: str) -> None:
        """Note why an attempt must wait."""
        await self._connection.execute(_WAIT, {"out_refund_no": out_refund_no, "error": error[:500]})

    async def move_attempt(
        self,
        out_refund_no: str,
        status: RefundAttemptStatus,
        *,
        at: datetime,
        wechat_refund_id: str | None = None,
        accepted_at: datetime | None = None,
        error: str | None = None,
    ) -> None:
        """Note how an attempt stands, and when the provider first accepted it; a succeeded one stays so."""
        await self._connection.execute(
            _MOVE_ATTEMPT,
            {
                "out_refund_no": out_refund_no,
                "status": status,
                "wechat_refund_id": wechat_refund_id,
                "accepted_at": accepted_at,
                "error": error,
                "at": at,
            },
        )

    async def move(
        self, refund: Refund, status: RefundStatus, *, at: datetime, failure: str | None = None
    ) -> bool:
        """Note how a refund stands; False when it stood just so already, or has succeeded."""
        done = await self._connection.execute(
            _MOVE, {"refund_id": refund.refund_id, "status": status, "failure": failure, "at": at}
        )
        return done.rowcount == 1

    async def send_to(self, out_refund_no: str, sent_to: SentTo | None) -> None:
        """Note where an abnormal refund's money is to go instead."""
        await self._connection.execute(_SEND_TO, {"out_refund_no": out_refund_no, "sent_to": sent_to})

    async def settle_outside(self, refund: Refund, evidence: str, *, by: UUID, at: datetime) -> None:
        """Note how the shop paid a refund by itself."""
        await self._connection.execute(
            _SETTLE_OUTSIDE,
            {"refund_id": refund.refund_id, "evidence": evidence, "settled_by": by, "at": at},
        )


def _refund(row: Row) -> Refund:
    said = dict(row)
    return Refund(**{**said, "kind": RefundKind(said["kind"]), "status": RefundStatus(said["status"])})


def _attempt(row: Row) -> RefundAttempt:
    said = dict(row)
    sent_to = None if said["sent_to"] is None else SentTo(said["sent_to"])
    return RefundAttempt(**{**said, "status": RefundAttemptStatus(said["status"]), "sent_to": sent_to})
