"""Payments and their attempts. Money is taken under the payment's row lock; every other change is compare-and-set."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.payment.payments.domain import (
    CALL_MAY_ARRIVE_FOR,
    KNOWN_AFTER,
    Attempt,
    AttemptStatus,
    Method,
    Payment,
    PaymentOrder,
    PaymentStatus,
    Surplus,
    out_trade_no,
)
from shared.connection import Connection, Row
from shared.ids import new_id

_PAYMENT = ", ".join(f"p.{field.name}" for field in fields(Payment))
_ATTEMPT = ", ".join(f"a.{field.name}" for field in fields(Attempt))
_ITS_ATTEMPT = ", ".join(f"a.{field.name} AS attempt_{field.name}" for field in fields(Attempt))
_OPEN = text(
    "WITH p AS (INSERT INTO payments (payment_id, order_id, order_number, member_id, payer_openid, description, amount_fen,"
    " status, opened_at, expires_at) VALUES (:payment_id, :order_id, :order_number, :member_id, :payer_openid,"
    " :description, :amount_fen, 'paying', :at, :expires_at) ON CONFLICT DO NOTHING RETURNING *)"
    f" SELECT {_PAYMENT} FROM p"
)
_BURY = text(
    "INSERT INTO payments (payment_id, order_id, description, amount_fen, status, opened_at, expires_at, closed_at)"
    " VALUES (:payment_id, :order_id, '', 0, 'closed', :at, :at, :at) ON CONFLICT (order_id) DO NOTHING"
)
_LOCK = text(f"SELECT {_PAYMENT} FROM payments p WHERE p.order_id = :order_id FOR UPDATE")
_LOCK_BY_NUMBER = text(  # the attempt too, so that whoever had to wait for the payment sees it as it is then
    f"SELECT {_PAYMENT}, {_ITS_ATTEMPT} FROM payments p JOIN attempts a ON a.payment_id = p.payment_id"
    " WHERE a.out_trade_no = :out_trade_no FOR UPDATE OF p, a"
)
_FIND = text(f"SELECT {_PAYMENT} FROM payments p WHERE p.order_id = :order_id")
_ATTEMPT_BY_NUMBER = text(f"SELECT {_ATTEMPT} FROM attempts a WHERE a.out_trade_no = :out_trade_no")
_ATTEMPTS = text(f"SELECT {_ATTEMPT} FROM attempts a WHERE a.payment_id = :payment_id ORDER BY a.number")
_INITIATE = text(
    "INSERT INTO attempts AS a (out_trade_no, payment_id, number, status, initiated_at, may_appear_until,"
    " share_rule_version) SELECT :out_trade_no, CAST(:payment_id AS uuid), CAST(:number AS integer), 'initiated', :at,"
    "  :until, (SELECT CASE WHEN total_bp > 0 THEN version END FROM share_rules ORDER BY version DESC LIMIT 1)"
    " WHERE NOT EXISTS (SELECT FROM attempts WHERE payment_id = CAST(:payment_id AS uuid)"
    "  AND number >= CAST(:number AS integer))"
    f" RETURNING {_ATTEMPT}"
)
_INTEND = text("UPDATE attempts SET may_appear_until = :until WHERE out_trade_no = :out_trade_no")
_PREPAID = text(
    "WITH noted AS (UPDATE attempts SET status = 'prepaid', prepay_id = :prepay_id, prepaid_at = :at,"
    " may_appear_until = :until, last_error = NULL"
    " WHERE out_trade_no = :out_trade_no AND status IN ('initiated', 'prepaid'))"
    " SELECT closing_at IS NOT NULL FROM payments WHERE payment_id = :payment_id"
)
_REFUSED = text(
    "UPDATE attempts SET last_error = :error, may_appear_until = NULL WHERE out_trade_no = :out_trade_no"
)
_QUERIED = text("UPDATE attempts SET queried_at = :at WHERE out_trade_no = :out_trade_no")
_CLOSE_ATTEMPT = text(
    "UPDATE attempts SET status = 'closed', closed_at = :at"
    " WHERE out_trade_no = :out_trade_no AND status IN ('initiated', 'prepaid')"
)
_PAY_ATTEMPT = text(
    "UPDATE attempts SET status = 'succeeded', transaction_id = :transaction_id, paid_at = :at,"
    " paid_fen = :paid_fen, surplus_reason = :surplus_reason, may_appear_until = NULL"
    " WHERE out_trade_no = :out_trade_no AND status <> 'succeeded'"
)
_SUCCEED = text(
    "UPDATE payments SET status = 'succeeded', method = :method, transaction_id = :transaction_id, paid_at = :at,"
    " paid_fen = amount_fen WHERE payment_id = :payment_id AND status = 'paying'"
)
_SUCCEED_BY_ATTEMPT = text(f"WITH paid AS ({_PAY_ATTEMPT.text}) {_SUCCEED.text}")
_START_CLOSING = text(
    "UPDATE payments SET closing_at = coalesce(closing_at, :at)"
    " WHERE payment_id = :payment_id AND status = 'paying'"
)
_CLOSE = text(
    "UPDATE payments p SET status = 'closed', closed_at = :at WHERE p.order_id = :order_id AND p.status = 'paying'"
    " AND p.closing_at IS NOT NULL AND NOT EXISTS (SELECT FROM attempts a"
    "  WHERE a.payment_id = p.payment_id AND a.status IN ('initiated', 'prepaid'))"
)
_DISPUTE = text(
    "UPDATE payments p SET disputed_at = coalesce(disputed_at, :at) FROM attempts a"
    " WHERE a.payment_id = p.payment_id AND a.out_trade_no = :out_trade_no"
    " AND (p.dispute_decided_at IS NULL OR p.dispute_decided_at < :at)"
)
_DISPUTED_SINCE = text("SELECT disputed_at FROM payments WHERE payment_id = :payment_id")
_SETTLE_DISPUTE = text(
    "UPDATE payments SET disputed_at = NULL, dispute_decided_at = :at WHERE payment_id = :payment_id"
)


class Payments:
    """The payments of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, order: PaymentOrder, *, at: datetime) -> Payment | None:
        """The order's payment, opened if there was none, and locked; None when another order has its number."""
        opened = await self._connection.execute(
            _OPEN,
            {
                "payment_id": new_id(),
                "order_id": order.order_id,
                "order_number": order.order_number,
                "member_id": order.member_id,
                "payer_openid": order.payer_openid,
                "description": order.description,
                "amount_fen": order.amount_fen,
                "at": at,
                "expires_at": order.expires_at,
            },
        )
        if (row := opened.one_or_none()) is not None:
            return _payment(row)
        return await self.lock(order.order_id)

    async def bury(self, order_id: UUID, *, at: datetime) -> Payment:
        """The order's payment, locked; a closed tombstone where there was none."""
        await self._connection.execute(_BURY, {"payment_id": new_id(), "order_id": order_id, "at": at})
        return await self._locked(order_id)

    async def lock(self, order_id: UUID) -> Payment | None:
        """The order's payment, locked."""
        row = (await self._connection.execute(_LOCK, {"order_id": order_id})).one_or_none()
        return None if row is None else _payment(row)

    async def find(self, order_id: UUID) -> Payment | None:
        """The order's payment, as it is now."""
        row = (await self._connection.execute(_FIND, {"order_id": order_id})).one_or_none()
        return None if row is None else _payment(row)

    async def lock_by_number(self, out_trade_no: str) -> tuple[Payment, Attempt] | None:
        """The attempt of a number and its payment, both locked."""
        row = (await self._connection.execute(_LOCK_BY_NUMBER, {"out_trade_no": out_trade_no})).one_or_none()
        if row is None:
            return None
        return _payment(row), _attempt(row, prefix="attempt_")

    async def attempt(self, out_trade_no: str) -> Attempt | None:
        """The attempt of a number."""
        found = await self._connection.execute(_ATTEMPT_BY_NUMBER, {"out_trade_no": out_trade_no})
        return None if (row := found.one_or_none()) is None else _attempt(row)

    async def attempts(self, payment_id: UUID) -> list[Attempt]:
        """A payment's attempts in the order of their numbers."""
        rows = await self._connection.execute(_ATTEMPTS, {"payment_id": payment_id})
        return [_attempt(row) for row in rows]

    async def open_attempt(self, payment: Payment, *, at: datetime) -> Attempt:
        """The one attempt that may be paid, started under the next number if there is none, for a call right now."""
        if (first := await self._initiate(payment, 1, at=at)) is not None:
            return first
        before = await self.attempts(payment.payment_id)
        if before[-1].is_open:
            return before[-1]
        later = await self._initiate(payment, len(before) + 1, at=at)
        assert later is not None, "the payment is locked"
        return later

    async def intend_prepay(self, attempt: Attempt, *, at: datetime) -> None:
        """Note, before the call, that the provider may come to know the attempt (K9)."""
        until = at + CALL_MAY_ARRIVE_FOR
        if attempt.may_appear_until is not None and attempt.may_appear_until >= until:
            return
        await self._connection.execute(_INTEND, {"out_trade_no": attempt.out_trade_no, "until": until})

    async def record_prepay(self, attempt: Attempt, prepay_id: str, *, at: datetime) -> bool:
        """Note the prepay_id, unless the attempt was finished meanwhile; False when its payment is being closed."""
        noted = await self._connection.execute(
            _PREPAID,
            {
                "out_trade_no": attempt.out_trade_no,
                "payment_id": attempt.payment_id,
                "prepay_id": prepay_id,
                "at": at,
                "until": at + KNOWN_AFTER,
            },
        )
        return not noted.scalar_one()

    async def record_refusal(self, out_trade_no: str, error: str) -> None:
        """Note why the provider refused the prepay call."""
        await self._connection.execute(_REFUSED, {"out_trade_no": out_trade_no, "error": error[:500]})

    async def record_query(self, out_trade_no: str, *, at: datetime) -> None:
        """Note that the provider was asked."""
        await self._connection.execute(_QUERIED, {"out_trade_no": out_trade_no, "at": at})

    async def close_attempt(self, out_trade_no: str, *, at: datetime) -> bool:
        """Note that an open attempt cannot be paid any more; False when it was not open."""
        done = await self._connection.execute(_CLOSE_ATTEMPT, {"out_trade_no": out_trade_no, "at": at})
        return done.rowcount == 1

    async def pay_attempt(
        self,
        attempt: Attempt,
        transaction_id: str | None,
        *,
        paid_fen: int,
        surplus: Surplus,
        at: datetime,
    ) -> None:
        """Note that an attempt was paid, and why nobody wanted the money."""
        await self._connection.execute(
            _PAY_ATTEMPT,
            {
                "out_trade_no": attempt.out_trade_no,
                "transaction_id": transaction_id,
                "paid_fen": paid_fen,
                "surplus_reason": surplus,
                "at": at,
            },
        )

    async def succeed(self, payment: Payment, transaction_id: str, *, method: Method, at: datetime) -> None:
        """Note that a payment that waited for it, locked, was collected whole."""
        await self._connection.execute(_SUCCEED, _success(payment, transaction_id, method, at))

    async def succeed_by_attempt(
        self, payment: Payment, attempt: Attempt, transaction_id: str, *, at: datetime
    ) -> None:
        """Note that a payment that waited for it, locked, was collected whole by an attempt."""
        paid = {
            "out_trade_no": attempt.out_trade_no,
            "paid_fen": payment.amount_fen,
            "surplus_reason": None,
        }
        await self._connection.execute(
            _SUCCEED_BY_ATTEMPT, _success(payment, transaction_id, Method.WECHAT_PAY, at) | paid
        )

    async def start_closing(self, payment: Payment, *, at: datetime) -> None:
        """From now on no prepay_id is handed out."""
        await self._connection.execute(_START_CLOSING, {"payment_id": payment.payment_id, "at": at})

    async def close(self, order_id: UUID, *, at: datetime) -> Payment:
        """Close a payment that is being closed, if none of its attempts can be paid any more; the payment as it is then."""
        await self._connection.execute(_CLOSE, {"order_id": order_id, "at": at})
        return await self._locked(order_id)

    async def dispute(self, out_trade_no: str, *, at: datetime) -> None:
        """Note that the provider reports something else than was ordered, unless that was decided since it was asked."""
        await self._connection.execute(_DISPUTE, {"out_trade_no": out_trade_no, "at": at})

    async def settle_dispute(self, payment: Payment, *, at: datetime) -> datetime | None:
        """Note that a dispute was decided; since when there was one, None when there was none. The payment is locked."""
        found = await self._connection.execute(_DISPUTED_SINCE, {"payment_id": payment.payment_id})
        disputed_at: datetime | None = found.scalar_one()
        await self._connection.execute(_SETTLE_DISPUTE, {"payment_id": payment.payment_id, "at": at})
        return disputed_at

    async def _initiate(self, payment: Payment, number: int, *, at: datetime) -> Attempt | None:
        """Start the attempt of a number; None where there is one of that number or a later one."""
        assert payment.order_number is not None
        started = await self._connection.execute(
            _INITIATE,
            {
                "out_trade_no": out_trade_no(payment.order_number, number),
                "payment_id": payment.payment_id,
                "number": number,
                "at": at,
                "until": at + CALL_MAY_ARRIVE_FOR,
            },
        )
        return None if (row := started.one_or_none()) is None else _attempt(row)

    async def _locked(self, order_id: UUID) -> Payment:
        return _payment((await self._connection.execute(_LOCK, {"order_id": order_id})).one())


def _success(payment: Payment, transaction_id: str, method: Method, at: datetime) -> dict[str, Any]:
    return {"payment_id": payment.payment_id, "method": method, "transaction_id": transaction_id, "at": at}


def _payment(row: Row) -> Payment:
    said = {field.name: row[field.name] for field in fields(Payment)}
    method = None if said["method"] is None else Method(said["method"])
    return Payment(**{**said, "status": PaymentStatus(said["status"]), "method": method})


def _attempt(row: Row, *, prefix: str = "") -> Attempt:
    said = {field.name: row[prefix + field.name] for field in fields(Attempt)}
    surplus = None if said["surplus_reason"] is None else Surplus(said["surplus_reason"])
    return Attempt(**{**said, "status": AttemptStatus(said["status"]), "surplus_reason": surplus})
