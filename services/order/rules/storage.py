"""The one row of order rules."""

from dataclasses import asdict, dataclass

from sqlalchemy import text

from shared.connection import Connection

_RULES = text("SELECT pay_timeout_seconds, auto_receive_seconds FROM order_rules")
_LOCKED = text("SELECT pay_timeout_seconds, auto_receive_seconds FROM order_rules FOR UPDATE")
_SET = text(
    "UPDATE order_rules SET pay_timeout_seconds = :pay_timeout_seconds, auto_receive_seconds = :auto_receive_seconds"
)


@dataclass(frozen=True, slots=True)
class OrderRules:
    """An unpaid order closes after ``pay_timeout_seconds`` (OR-11); a shipped one counts as received after
    ``auto_receive_seconds``."""

    pay_timeout_seconds: int
    auto_receive_seconds: int


async def order_rules(connection: Connection) -> OrderRules:
    """The rules in force."""
    return OrderRules(*(await connection.execute(_RULES)).one())


async def change_order_rules(connection: Connection, rules: OrderRules) -> OrderRules:
    """Replace the rules for orders placed or shipped from now on; returns the former ones."""
    before = OrderRules(*(await connection.execute(_LOCKED)).one())
    await connection.execute(_SET, asdict(rules))
    return before
