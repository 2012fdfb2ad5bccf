"""The address an order goes to, sealed with the order (SEC11)."""

from uuid import UUID

from services.order.clients.member import Address
from services.order.orders.storage import Orders
from shared.connection import Connection
from shared.crypto import FieldKeys


def seal(keys: FieldKeys, address: Address, *, order_id: UUID) -> str:
    """An address that only this order's row can be opened with."""
    return keys.seal(address.model_dump_json(), place=_place(order_id))


def unseal(keys: FieldKeys, sealed: str, *, order_id: UUID) -> Address:
    """The address of an order; raises Undecryptable."""
    return Address.model_validate_json(keys.open(sealed, place=_place(order_id)))


async def last_sent_to(
    connection: Connection, keys: FieldKeys, *, member_id: UUID, address_id: UUID
) -> Address | None:
    """The member's address as an earlier order went to it."""
    sent = await Orders(connection).last_sent_to(member_id, address_id)
    return None if sent is None else unseal(keys, sent[1], order_id=sent[0])


def _place(order_id: UUID) -> str:
    return f"orders|address_sealed|{order_id}"
