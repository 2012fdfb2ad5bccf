"""Payments and their attempts. Money is taken under the payment's row lock; every other change is compare-and-set."""

from datetime import datetime
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

_PAYMENT = (
    "p.payment_id, p.order_id, p.order_number, p.member_id, p.payer_openid, p.description, p.amount_fen, p.status,"
    " p.method, p.transaction_id, p.expires_at, p.closing_at"
)
_ATTEMPT = (
    "a.out_trade_no, a.payment_id, a.number, a.status, a.prepay_id, a.prepaid_at, a.may_appear_until,"
    " a.initiated_at, a.transaction_id, a.paid_fen, a.surplus_reason, a.share_rule_version"
)
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
_LOCK_BY_NUMBER = text(
    f"SELECT {_PAYMENT} FROM payments p JOIN attempts a USING (payment_id)"
    " WHERE a.out_trade_no = :out_trade_no FOR UPDATE OF p"
)
_FIND = text(f"SELECT {_PAYMENT} FROM payments p WHERE p.order_id = :order_id")
_ATTEMPT_BY_NUMBER = text(f"SELECT {_ATTEMPT} FROM attempts a WHERE a.out_trade_no = :out_trade_no")
_ATTEMPTS = text(f"SELECT {_ATTEMPT} FROM attempts a WHERE a.payment_id = :payment_id ORDER BY a.number")
_INITIATE = text(
    "INSERT INTO attempts AS a (out_trade_no, payment_id, number, status, initiated_at, may_appear_until,"
    " share_rule_version) VALUES (:out_trade_no, :payment_id, :number, 'initiated', :at, :until,"
    "  (SELECT CASE WHEN total_bp > 0 THEN version END FROM share_rules ORDER BY version DESC LIMIT 1))"
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
        """The attempt of a number and its payment, locked."""
        row = (await self._connection.execute(_LOCK_BY_NUMBER, {"out_trade_no": out_trade_no})).one_or_none()
        attempt = None if row is None else await self.attempt(out_trade_no)
        return None if row is None or attempt is None else (_payment(row), attempt)

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
        before = await self.attempts(payment.payment_id)
        if before and before[-1].is_open:
            return before[-1]
        number = len(before) + 1
        assert payment.order_number is not None
        name = out_trade_no(payment.order_number, number)
        values = {"out_trade_no": name, "payment_id": payment.payment_id, "number": number, "at": at}
        started = await self._connection.execute(_INITIATE, values | {"until": at + CALL_MAY_ARRIVE_FOR})
        return _attempt(started.one())

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
        surplus: Surplus | None,
        at: datetime,
    ) -> None:
        """Note that an attempt was paid, and whether nobody wanted the money."""
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

    async def succeed(
        self, payment: Payment, transaction_id: str | None, *, method: Method, at: datetime
    ) -> bool:
        """Note that the whole amount was collected; False when the payment was not waiting for it."""
        done = await self._connection.execute(
            _SUCCEED,
            {"payment_id": payment.payment_id, "method": method, "transaction_id": transaction_id, "at": at},
        )
        return done.rowcount == 1

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

    async def _locked(self, order_id: UUID) -> Payment:
        return _payment((await self._connection.execute(_LOCK, {"order_id": order_id})).one())


def _payment(row: Row) -> Payment:
    said = dict(row)
    method = None if said["method"] is None else Method(said["method"])
    return Payment(**{**said, "status": PaymentStatus(said["status"]), "method": method})


def _attempt(row: Row) -> Attempt:
    said = dict(row)
    surplus = None if said["surplus_reason"] is None else Surplus(said["surplus_reason"])
    return Attempt(**{**said, "status": AttemptStatus(said["status"]), "surplus_reason": surplus})
