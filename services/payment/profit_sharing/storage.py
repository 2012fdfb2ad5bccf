"""Sharings, share orders and their parts. Every change is made under the payment's row lock (K12)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.payment.profit_sharing.domain import (
    NEXT,
    OrderKind,
    OrderStatus,
    PartResult,
    ReceiverKind,
    ShareOrder,
    SharePart,
    Sharing,
    SharingStatus,
    share_number,
)
from shared.connection import Connection, Row

_SHARING = (
    "s.payment_id, s.order_id, s.out_trade_no, s.transaction_id, s.rule_version, s.status, s.paid_at,"
    " s.unfreeze_due_at, p.paid_fen, p.refunded_fen, p.fee_fen, p.share_max_bp, p.shared_fen, p.share_back_fen"
)
_ORDER = "o.out_order_no, o.payment_id, o.number, o.kind, o.base_fen, o.status, o.calls, o.wechat_order_id"
_GUARD = text(
    "UPDATE payments SET share_max_bp = :max_bp, fee_fen = :fee_fen"
    " WHERE payment_id = :payment_id AND status = 'succeeded'"
)
_START = text(
    "INSERT INTO profit_shares (payment_id, order_id, out_trade_no, transaction_id, rule_version, status, paid_at,"
    " unfreeze_due_at, changed_at) VALUES (:payment_id, :order_id, :out_trade_no, :transaction_id, :rule_version,"
    " 'none', :paid_at, :unfreeze_due_at, :at)"
)
_LOCK = (
    f"SELECT {_SHARING} FROM profit_shares s JOIN payments p USING (payment_id)"
    " WHERE s.{key} = :key FOR NO KEY UPDATE OF p, s"
)
_LOCK_BY_PAYMENT = text(_LOCK.format(key="payment_id"))
_LOCK_BY_ORDER = text(_LOCK.format(key="order_id"))
_LOCK_BY_NUMBER = text(
    f"SELECT {_SHARING} FROM share_orders o JOIN profit_shares s USING (payment_id)"
    " JOIN payments p USING (payment_id) WHERE o.out_order_no = :out_order_no FOR NO KEY UPDATE OF p, s"
)
_MOVE = text(
    "UPDATE profit_shares SET status = :status, changed_at = :at"
    " WHERE payment_id = :payment_id AND status = ANY(:before)"
)
_PROMISE = text(
    "UPDATE payments SET shared_fen = shared_fen + :amount_fen"
    " WHERE payment_id = :payment_id AND status = 'succeeded'"
    " AND shared_fen + :amount_fen <= paid_fen * share_max_bp / 10000"
    " AND shared_fen + :amount_fen - share_back_fen + refunded_fen"
    "  + fee_fen - fee_fen * refunded_fen / greatest(paid_fen, 1) <= paid_fen"
)
_RELEASE = text(
    "UPDATE payments SET shared_fen = shared_fen - :amount_fen, share_back_fen = share_back_fen - :back_fen"
    " WHERE payment_id = :payment_id"
)
_NEXT_NUMBER = text("SELECT coalesce(max(number), 0) + 1 FROM share_orders WHERE payment_id = :payment_id")
_ADD_ORDER = text(
    "INSERT INTO share_orders AS o (out_order_no, payment_id, number, kind, base_fen, status, requested_at)"
    f" VALUES (:out_order_no, :payment_id, :number, :kind, :base_fen, 'requested', :at) RETURNING {_ORDER}"
)
_ADD_PARTS = text(
    "INSERT INTO share_parts (out_order_no, receiver_id, amount_fen)"
    " SELECT :out_order_no, * FROM unnest(CAST(:receiver_ids AS uuid[]), CAST(:amounts_fen AS bigint[]))"
)
_BY_NUMBER = text(f"SELECT {_ORDER} FROM share_orders o WHERE o.out_order_no = :out_order_no")
_ORDERS = text(f"SELECT {_ORDER} FROM share_orders o WHERE o.payment_id = :payment_id ORDER BY o.number")
_PARTS = text(
    "SELECT p.out_order_no, p.receiver_id, r.kind, r.account, p.amount_fen, p.back_fen, p.result, o.base_fen"
    " FROM share_parts p JOIN share_orders o USING (out_order_no) JOIN share_receivers r USING (receiver_id)"
    " WHERE o.payment_id = :payment_id ORDER BY o.number, p.receiver_id"
)
_CALL = text("UPDATE share_orders SET calls = calls + 1, called_at = :at WHERE out_order_no = :out_order_no")
_WAIT = text("UPDATE share_orders SET last_error = :error WHERE out_order_no = :out_order_no")
_MOVE_ORDER = text(
    "UPDATE share_orders SET status = :status, wechat_order_id = coalesce(:wechat_order_id, wechat_order_id),"
    " last_error = :error, finished_at = CASE WHEN :status = 'finished' THEN CAST(:at AS timestamptz) END"
    " WHERE out_order_no = :out_order_no AND status <> 'finished'"
)
_FINISH_PART = text(
    "UPDATE share_parts SET result = :result, fail_reason = :fail_reason, finished_at = :at,"
    " back_fen = CASE WHEN :result = 'closed' THEN 0 ELSE back_fen END"
    " WHERE out_order_no = :out_order_no AND receiver_id = :receiver_id AND result = 'pending'"
)
_TAKE_BACK = text(
    "UPDATE share_parts SET back_fen = back_fen + :amount_fen"
    " WHERE out_order_no = :out_order_no AND receiver_id = :receiver_id"
    " AND result <> 'closed' AND back_fen + :amount_fen <= amount_fen"
)


class Shares:
    """The sharings of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(
        self,
        payment_id: UUID,
        *,
        order_id: UUID,
        out_trade_no: str,
        transaction_id: str,
        rule_version: int,
        max_bp: int,
        fee_fen: int,
        paid_at: datetime,
        unfreeze_due_at: datetime,
        at: datetime,
    ) -> None:
        """Note that a payment's money waits for sharing, and within which limits."""
        guard = {"payment_id": payment_id, "max_bp": max_bp, "fee_fen": fee_fen}
        await self._connection.execute(_GUARD, guard)
        await self._connection.execute(
            _START,
            {
                "payment_id": payment_id,
                "order_id": order_id,
                "out_trade_no": out_trade_no,
                "transaction_id": transaction_id,
                "rule_version": rule_version,
                "paid_at": paid_at,
                "unfreeze_due_at": unfreeze_due_at,
                "at": at,
            },
        )

    async def lock(self, payment_id: UUID) -> Sharing | None:
        """The sharing of a payment, both locked; None when its money was never to be shared."""
        return _one((await self._connection.execute(_LOCK_BY_PAYMENT, {"key": payment_id})).one_or_none())

    async def lock_by_order(self, order_id: UUID) -> Sharing | None:
        """The sharing of an order's payment, both locked."""
        return _one((await self._connection.execute(_LOCK_BY_ORDER, {"key": order_id})).one_or_none())

    async def lock_by_number(self, out_order_no: str) -> tuple[Sharing, ShareOrder] | None:
        """A share order and its sharing, locked with the payment."""
        found = await self._connection.execute(_LOCK_BY_NUMBER, {"out_order_no": out_order_no})
        sharing = _one(found.one_or_none())
        order = None if sharing is None else await self.order(out_order_no)
        return None if sharing is None or order is None else (sharing, order)

    async def move(self, sharing: Sharing, status: SharingStatus, *, at: datetime) -> bool:
        """Note how a sharing stands; False when it may not come to stand so from where it stands."""
        before = [each.value for each in SharingStatus if status in NEXT[each]]
        done = await self._connection.execute(
            _MOVE, {"payment_id": sharing.payment_id, "status": status, "before": before, "at": at}
        )
        return done.rowcount == 1

    async def promise(self, payment_id: UUID, amount_fen: int) -> bool:
        """Set a share aside; False beyond the ratio, or beyond what refunds and the fee leave (M9)."""
        done = await self._connection.execute(_PROMISE, {"payment_id": payment_id, "amount_fen": amount_fen})
        return done.rowcount == 1

    async def release(self, payment_id: UUID, amount_fen: int, *, back_fen: int) -> None:
        """What was set aside never arrived, so of it nothing goes back either."""
        await self._connection.execute(
            _RELEASE, {"payment_id": payment_id, "amount_fen": amount_fen, "back_fen": back_fen}
        )

    async def add_order(
        self,
        sharing: Sharing,
        kind: OrderKind,
        parts: Sequence[tuple[UUID, int]],
        *,
        at: datetime,
    ) -> ShareOrder:
        """Add a share order under the payment's next number, to be called for."""
        payment_id = sharing.payment_id
        number = (await self._connection.execute(_NEXT_NUMBER, {"payment_id": payment_id})).scalar_one()
        name = share_number(sharing.out_trade_no, number, kind)
        row = await self._connection.execute(
            _ADD_ORDER,
            {
                "out_order_no": name,
                "payment_id": payment_id,
                "number": number,
                "kind": kind,
                "base_fen": sharing.base_fen,
                "at": at,
            },
        )
        order = _order(row.one())
        if parts:
            receiver_ids, amounts_fen = zip(*parts, strict=True)
            await self._connection.execute(
                _ADD_PARTS,
                {
                    "out_order_no": name,
                    "receiver_ids": list(receiver_ids),
                    "amounts_fen": list(amounts_fen),
                },
            )
        return order

    async def order(self, out_order_no: str) -> ShareOrder | None:
        """The share order of a number."""
        row = (await self._connection.execute(_BY_NUMBER, {"out_order_no": out_order_no})).one_or_none()
        return None if row is None else _order(row)

    async def orders(self, payment_id: UUID) -> list[ShareOrder]:
        """A payment's share orders in the order of their numbers."""
        return [_order(row) for row in await self._connection.execute(_ORDERS, {"payment_id": payment_id})]

    async def parts(self, payment_id: UUID) -> list[tuple[SharePart, int]]:
        """Every part of a payment, with the base that it is a share of."""
        rows = await self._connection.execute(_PARTS, {"payment_id": payment_id})
        return [_part(row) for row in rows]

    async def count_call(self, out_order_no: str, *, at: datetime) -> None:
        """Note, before it is made, one more call (K9)."""
        await self._connection.execute(_CALL, {"out_order_no": out_order_no, "at": at})

    async def note_wait(self, out_order_no: str, error: str) -> None:
        """Note why a share order must wait."""
        await self._connection.execute(_WAIT, {"out_order_no": out_order_no, "error": error[:500]})

    async def move_order(
        self,
        out_order_no: str,
        status: OrderStatus,
        *,
        at: datetime,
        wechat_order_id: str | None = None,
        error: str | None = None,
    ) -> None:
        """Note how a share order stands; a finished one stays so."""
        await self._connection.execute(
            _MOVE_ORDER,
            {
                "out_order_no": out_order_no,
                "status": status,
                "wechat_order_id": wechat_order_id,
                "error": error and error[:500],
                "at": at,
            },
        )

    async def finish_part(
        self, part: SharePart, result: PartResult, *, fail_reason: str | None, at: datetime
    ) -> None:
        """Note what became of a receiver's part."""
        await self._connection.execute(
            _FINISH_PART,
            {
                "out_order_no": part.out_order_no,
                "receiver_id": part.receiver_id,
                "result": result,
                "fail_reason": fail_reason,
                "at": at,
            },
        )

    async def take_back(self, part: SharePart, amount_fen: int) -> bool:
        """Note that so much more of a part goes back; False when that much is not left of it."""
        done = await self._connection.execute(
            _TAKE_BACK,
            {
                "out_order_no": part.out_order_no,
                "receiver_id": part.receiver_id,
                "amount_fen": amount_fen,
            },
        )
        return done.rowcount == 1


def _one(row: Row | None) -> Sharing | None:
    if row is None:
        return None
    said = dict(row)
    return Sharing(**{**said, "status": SharingStatus(said["status"])})


def _order(row: Row) -> ShareOrder:
    said = dict(row)
    return ShareOrder(**{**said, "kind": OrderKind(said["kind"]), "status": OrderStatus(said["status"])})


def _part(row: Row) -> tuple[SharePart, int]:
    said = dict(row)
    base_fen: int = said.pop("base_fen")
    kinds = {"kind": ReceiverKind(said["kind"]), "result": PartResult(said["result"])}
    return SharePart(**{**said, **kinds}), base_fen
