"""How long requests wait, and what is granted without asking anybody: one row, for operators to set."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import text

from services.order.after_sales.domain import AfterSaleStatus
from shared.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterSaleRules:
    """What is not answered in `answer_seconds` is approved; goods are to be sent back within `return_seconds`, count as
    received after `receive_seconds`; a rejection stands after `rejected_seconds`; a replacement counts as received after
    `replacement_seconds`. `default_days` is the time to ask of goods bought without an after-sale policy.
    """

    approve_unshipped_at_once: bool
    default_days: int
    answer_seconds: int
    return_seconds: int
    receive_seconds: int
    rejected_seconds: int
    replacement_seconds: int

    def due_at(self, status: AfterSaleStatus, at: datetime) -> datetime | None:
        """When a request that came into a state now goes on by itself; None when it waits for somebody."""
        waits = {
            AfterSaleStatus.APPLIED: self.answer_seconds,
            AfterSaleStatus.AWAITING_RETURN: self.return_seconds,
            AfterSaleStatus.RETURNED: self.receive_seconds,
            AfterSaleStatus.REJECTED: self.rejected_seconds,
            AfterSaleStatus.REPLACEMENT_SHIPPED: self.replacement_seconds,
        }
        return at + timedelta(seconds=waits[status]) if status in waits else None


_NAMES = [field.name for field in fields(AfterSaleRules)]
_RULES = text(f"SELECT {', '.join(_NAMES)} FROM after_sale_rules")
_LOCKED = text(f"SELECT {', '.join(_NAMES)} FROM after_sale_rules FOR UPDATE")
_SET = text(f"UPDATE after_sale_rules SET {', '.join(f'{name} = :{name}' for name in _NAMES)}")


async def after_sale_rules(connection: Connection) -> AfterSaleRules:
    """The rules in force."""
    return AfterSaleRules(**(await connection.execute(_RULES)).one())


async def change_after_sale_rules(connection: Connection, rules: AfterSaleRules) -> AfterSaleRules:
    """Replace the rules for steps taken from now on; returns the former ones."""
    before = AfterSaleRules(**(await connection.execute(_LOCKED)).one())
    await connection.execute(_SET, asdict(rules))
    return before
