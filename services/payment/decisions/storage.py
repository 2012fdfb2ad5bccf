"""What was decided about disputes; append-only."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.ids import new_id

_ADD = text(
    "INSERT INTO dispute_decisions (decision_id, payment_id, decision, reason, disputed_at, decided_by, decided_at)"
    " VALUES (:decision_id, :payment_id, :decision, :reason, :disputed_at, :decided_by, :at)"
)


class Outcome(StrEnum):
    """How a dispute ended: WeChat Pay agreed with the order after all, the money goes back, or there was none."""

    AGREED = "agreed"
    REFUNDED = "refunded"
    DISMISSED = "dismissed"


class DisputeDecisions:
    """The ``dispute_decisions`` of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self,
        payment_id: UUID,
        outcome: Outcome,
        reason: str,
        *,
        disputed_at: datetime,
        by: UUID,
        at: datetime,
    ) -> None:
        """Append one."""
        await self._connection.execute(
            _ADD,
            {
                "decision_id": new_id(),
                "payment_id": payment_id,
                "decision": outcome,
                "reason": reason,
                "disputed_at": disputed_at,
                "decided_by": by,
                "at": at,
            },
        )
