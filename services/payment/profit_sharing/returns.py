"""Returns of shares in the database; each belongs to a refund, whose row is locked first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.payment.profit_sharing.amounts import Back
from services.payment.profit_sharing.domain import (
    UNFINISHED,
    PartResult,
    ReturnStatus,
    ShareReturn,
    return_number,
)
from shared.connection import Connection, Row

_RETURN = (
    "b.out_return_no, b.payment_id, b.refund_id, b.out_order_no, b.receiver_id, r.account,"
    " p.result AS part_result, b.amount_fen, b.status, b.tries, b.calls"
)
_FROM = (
    " FROM share_returns b JOIN share_parts p USING (out_order_no, receiver_id)"
    " JOIN share_receivers r USING (receiver_id)"
)
_NEXT_NUMBER = text("SELECT coalesce(max(number), 0) + 1 FROM share_returns WHERE payment_id = :payment_id")
_ADD = text(
    "INSERT INTO share_returns (out_return_no, payment_id, number, refund_id, out_order_no, receiver_id, amount_fen,"
    " status, requested_at) VALUES (:out_return_no, :payment_id, :number, :refund_id, :out_order_no, :receiver_id,"
    " :amount_fen, 'requested', :at)"
)
_REFUND_OF = text("SELECT refund_id FROM share_returns WHERE out_return_no = :out_return_no")
_LOCK_REFUND = text("SELECT refund_id FROM refunds WHERE refund_id = :refund_id FOR UPDATE")
_LOCK = text(f"SELECT {_RETURN}{_FROM} WHERE b.out_return_no = :out_return_no FOR UPDATE OF b")
_OF_REFUND = text(f"SELECT {_RETURN}{_FROM} WHERE b.refund_id = :refund_id ORDER BY b.number")
_OF_PART = text(
    f"SELECT {_RETURN}{_FROM} WHERE b.out_order_no = :out_order_no AND b.receiver_id = :receiver_id"
    " ORDER BY b.number FOR UPDATE OF b"
)
_CALL = text(
    "UPDATE share_returns SET calls = calls + 1, called_at = :at WHERE out_return_no = :out_return_no"
)
_MOVE = text(
    "UPDATE share_returns SET status = :status, failure = :failure,"
    " finished_at = CASE WHEN :status IN ('requested', 'processing') THEN NULL ELSE CAST(:at AS timestamptz) END"
    " WHERE out_return_no = :out_return_no AND status NOT IN ('returned', 'borne', 'void')"
)
_SPEND = text("UPDATE share_returns SET tries = tries + 1, calls = 0 WHERE out_return_no = :out_return_no")
_AGAIN = text(
    "UPDATE share_returns SET status = 'requested', finished_at = NULL"
    " WHERE out_return_no = :out_return_no AND status = 'failed'"
)


class Returns:
    """The returns of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, back: Back, *, payment_id: UUID, out_trade_no: str, refund_id: UUID, at: datetime
    ) -> str:
        """Add a return under the payment's next number, to be called for; returns the number."""
        number = (await self._connection.execute(_NEXT_NUMBER, {"payment_id": payment_id})).scalar_one()
        name = return_number(out_trade_no, number)
        await self._connection.execute(
            _ADD,
            {
                "out_return_no": name,
                "payment_id": payment_id,
                "number": number,
                "refund_id": refund_id,
                "out_order_no": back.part.out_order_no,
                "receiver_id": back.part.receiver_id,
                "amount_fen": back.amount_fen,
                "at": at,
            },
        )
        return name

    async def lock(self, out_return_no: str) -> ShareReturn | None:
        """A return, locked after its refund."""
        number = {"out_return_no": out_return_no}
        refund_id = (await self._connection.execute(_REFUND_OF, number)).scalar_one_or_none()
        if refund_id is None:
            return None
        await self._connection.execute(_LOCK_REFUND, {"refund_id": refund_id})
        return _return((await self._connection.execute(_LOCK, number)).one())

    async def of_refund(self, refund_id: UUID) -> list[ShareReturn]:
        """What goes back before a refund."""
        rows = await self._connection.execute(_OF_REFUND, {"refund_id": refund_id})
        return [_return(row) for row in rows]

    async def of_part(self, out_order_no: str, receiver_id: UUID) -> list[ShareReturn]:
        """The returns of one part, locked."""
        part = {"out_order_no": out_order_no, "receiver_id": receiver_id}
        return [_return(row) for row in await self._connection.execute(_OF_PART, part)]

    async def count_call(self, out_return_no: str, *, at: datetime) -> None:
        """Note, before it is made, one more call (K9)."""
        await self._connection.execute(_CALL, {"out_return_no": out_return_no, "at": at})

    async def move(
        self, out_return_no: str, status: ReturnStatus, *, at: datetime, failure: str | None = None
    ) -> bool:
        """Note how a return stands; False when it was over already."""
        done = await self._connection.execute(
            _MOVE,
            {
                "out_return_no": out_return_no,
                "status": status,
                "failure": failure and failure[:500],
                "at": at,
            },
        )
        return done.rowcount == 1

    async def spend_number(self, out_return_no: str) -> None:
        """Have the next try be made under a new number, as the platform wants it after FAILED."""
        await self._connection.execute(_SPEND, {"out_return_no": out_return_no})

    async def try_again(self, out_return_no: str) -> None:
        """Have a failed return called for again."""
        await self._connection.execute(_AGAIN, {"out_return_no": out_return_no})


def stands_in_the_way(share_return: ShareReturn) -> bool:
    """Whether a refund must wait for this return."""
    return share_return.status in (*UNFINISHED, ReturnStatus.FAILED)


def _return(row: Row) -> ShareReturn:
    said = dict(row)
    kinds = {"status": ReturnStatus(said["status"]), "part_result": PartResult(said["part_result"])}
    return ShareReturn(**{**said, **kinds})
