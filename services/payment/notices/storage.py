"""The ledger of notices: what WeChat Pay told us, as it came; append-only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson
from sqlalchemy import text

from shared.connection import Connection

_RECORD = text(
    "INSERT INTO notices (kind, notice_id, business_key, event_type, out_trade_no, headers, body, received_at)"
    " VALUES (:kind, :notice_id, :business_key, :event_type, :out_trade_no, CAST(:headers AS jsonb), :body, :at)"
    " ON CONFLICT DO NOTHING"
)


class NoticeKind(StrEnum):
    """What a notice is about, which is also where it is posted."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """A verified notice: unique by its id and, should it come under a new id, by what it says."""

    kind: NoticeKind
    notice_id: str
    business_key: str
    event_type: str
    out_trade_no: str
    headers: Mapping[str, str]
    body: bytes


class Notices:
    """The notices of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, notice: NoticeRow, *, at: datetime) -> None:
        """Record a notice with its effect; one that was recorded before stays as it is."""
        await self._connection.execute(
            _RECORD,
            {
                "kind": notice.kind,
                "notice_id": notice.notice_id,
                "business_key": notice.business_key,
                "event_type": notice.event_type,
                "out_trade_no": notice.out_trade_no,
                "headers": orjson.dumps(dict(notice.headers)).decode(),
                "body": notice.body,
                "at": at,
            },
        )
