"""The one freight rule in PostgreSQL."""

from sqlalchemy import text

from services.order.pricing import FreightRule
from shared.connection import Connection

_RULE = text("SELECT fee_fen, free_from_fen FROM freight_rule")
_SET = text("UPDATE freight_rule SET fee_fen = :fee_fen, free_from_fen = :free_from_fen")


async def freight_rule(connection: Connection) -> FreightRule:
    """What freight costs now."""
    row = (await connection.execute(_RULE)).one()
    return FreightRule(fee_fen=row.fee_fen, free_from_fen=row.free_from_fen)


async def set_freight_rule(connection: Connection, rule: FreightRule) -> None:
    """Have freight cost something else from now on."""
    await connection.execute(_SET, {"fee_fen": rule.fee_fen, "free_from_fen": rule.free_from_fen})
