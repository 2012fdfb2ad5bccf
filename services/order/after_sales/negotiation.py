"""What shopper and shop say to each other about a request: added to, never changed, and sealed (OR-10, SEC11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.order.after_sales.domain import ENDED, AfterSale, WrongAfterSaleStatus
from services.order.orders.domain import Actor
from shared.connection import Connection
from shared.crypto import FieldKeys
from shared.ids import new_id

_ADD = text(
    "INSERT INTO after_sale_messages (id, after_sale_id, author_kind, author_id, text_sealed, pictures, sent_at)"
    " VALUES (:id, :after_sale_id, :author_kind, :author_id, :text_sealed, :pictures, :sent_at)"
)
_PAGE = text(
    "SELECT id, author_kind, author_id, text_sealed, pictures, sent_at FROM after_sale_messages"
    " WHERE after_sale_id = :after_sale_id AND id < :before ORDER BY id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Said:
    """Words, and where pictures that show it are kept."""

    text: str
    pictures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a negotiation."""

    id: UUID
    author_kind: str
    author_id: UUID | None
    text: str
    pictures: Sequence[str]
    sent_at: datetime


async def say(
    connection: Connection,
    keys: FieldKeys,
    after_sale_id: UUID,
    said: Said,
    *,
    by: Actor,
    at: datetime,
) -> Message:
    """Add a message to a request's negotiation."""
    message = Message(new_id(), by.kind, by.id, said.text, list(said.pictures), at)
    await connection.execute(
        _ADD,
        {
            "id": message.id,
            "after_sale_id": after_sale_id,
            "author_kind": message.author_kind,
            "author_id": message.author_id,
            "text_sealed": keys.seal(message.text, place=_place(message.id)),
            "pictures": message.pictures,
            "sent_at": message.sent_at,
        },
    )
    return message


async def said_about(
    connection: Connection, keys: FieldKeys, after_sale_id: UUID, *, before: UUID, limit: int
) -> list[Message]:
    """The messages of a negotiation, latest first."""
    asked = {"after_sale_id": after_sale_id, "before": before, "limit": limit}
    return [
        Message(
            row.id,
            row.author_kind,
            row.author_id,
            keys.open(row.text_sealed, place=_place(row.id)),
            row.pictures,
            row.sent_at,
        )
        for row in await connection.execute(_PAGE, asked)
    ]


def require_open(after_sale: AfterSale) -> None:
    """Nothing is said about what has ended; raises WrongAfterSaleStatus."""
    if after_sale.status in ENDED:
        raise WrongAfterSaleStatus("The request has ended.", after_sale_status=after_sale.status.value)


def _place(message_id: UUID) -> str:
    return f"after_sale_messages|text_sealed|{message_id}"
