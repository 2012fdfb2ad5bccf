"""Posting to the cash books: journals whose entries sum to zero, once per source and kind (K13, M6, P10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection
from shared.ids import new_id

_POST = text(
    "WITH journal AS (INSERT INTO journals (journal_id, source_type, source_id, kind, payment_id, posted_at)"
    "  VALUES (:journal_id, :source_type, :source_id, :kind, :payment_id, :at) RETURNING journal_id)"
    " INSERT INTO journal_entries (journal_id, account, amount_fen) SELECT journal_id, entry.*"
    " FROM journal, unnest(CAST(:accounts AS text[]), CAST(:amounts_fen AS bigint[])) AS entry"
)


class Account(StrEnum):
    """Where money is, or to whom it is owed; debits are positive.

    PROVIDER_FROZEN is what WeChat Pay holds back for profit sharing, SHARES_PAYABLE what receivers were promised,
    SHARE_RETURNS_RECEIVABLE what they are to give back, SHARES_BORNE what they keep of refunded orders at our cost.
    """

    PROVIDER_RECEIVABLE = "provider_receivable"
    ORDER_RECEIPTS = "order_receipts"
    REFUNDS_PAYABLE = "refunds_payable"
    SURPLUS_PAYABLE = "surplus_payable"
    PROVIDER_FROZEN = "provider_frozen"
    SHARES_PAYABLE = "shares_payable"
    SHARE_RETURNS_RECEIVABLE = "share_returns_receivable"
    SHARES_BORNE = "shares_borne"
    PROVIDER_FEES = "provider_fees"
    MERCHANT_ACCOUNT = "merchant_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a journal is about; the three together are unique."""

    type: str
    id: str
    kind: str


class Ledger:
    """The cash books within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def post(
        self, source: Source, entries: Mapping[Account, int], *, payment_id: UUID | None, at: datetime
    ) -> None:
        """Append one movement, of one payment or of a whole day; ``entries`` are fen by account.

        The database refuses an unbalanced or repeated one.
        """
        await self._connection.execute(
            _POST,
            {
                "journal_id": new_id(),
                "source_type": source.type,
                "source_id": source.id,
                "kind": source.kind,
                "payment_id": payment_id,
                "at": at,
                "accounts": [account.value for account in entries],
                "amounts_fen": list(entries.values()),
            },
        )
