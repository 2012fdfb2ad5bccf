"""One member's limited things are changed one after another."""

from uuid import UUID

from sqlalchemy import text

from shared.connection import Connection

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('member:' || CAST(:member_id AS text), 0))")


async def lock_member(connection: Connection, member_id: UUID) -> None:
    """Keep this member's other placings and cart changes out until the transaction ends."""
    await connection.execute(_LOCK, {"member_id": str(member_id)})
