"""The rows of after-sale policies, and which of them covers a product."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from shared.connection import Connection

_COLUMNS = "key, title, text, days, is_default"
_ALL = text(f"SELECT {_COLUMNS} FROM after_sale_policies ORDER BY key")
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('after-sale policies', 0))")
_NO_DEFAULT = text("UPDATE after_sale_policies SET is_default = false WHERE is_default AND key <> :key")
_SAVE = text(
    "INSERT INTO after_sale_policies (key, title, text, days, is_default, updated_at)"
    " VALUES (:key, :title, :text, :days, :is_default, :at)"
    " ON CONFLICT (key) DO UPDATE SET title = excluded.title, text = excluded.text, days = excluded.days,"
    " is_default = excluded.is_default, updated_at = excluded.updated_at"
)

POLICY_OF_PRODUCT = """
    (SELECT json_build_object('key', a.key, 'title', a.title, 'text', a.text, 'days', a.days)::text
       FROM after_sale_policies a
      WHERE a.key = coalesce(
        p.after_sale_policy_key,
        (SELECT s.after_sale_policy_key FROM categories s
          WHERE s.id = ANY(c.path) AND s.after_sale_policy_key IS NOT NULL
          ORDER BY cardinality(s.path) DESC LIMIT 1),
        (SELECT d.key FROM after_sale_policies d WHERE d.is_default)))
"""
"""SQL for the JSON text of the policy of product ``p`` in category ``c``: its own, its nearest category's, or the shop's."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the shop promises after a sale; ``days`` to ask for it, 0 for none."""

    key: str
    title: str
    text: str
    days: int
    is_default: bool


class Policies:
    """The shop's after-sale policies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> list[Policy]:
        """Every policy."""
        return [Policy(*row) for row in await self._connection.execute(_ALL)]

    async def save(self, policy: Policy, *, at: datetime) -> None:
        """Insert or replace; a new default takes the place of the old one."""
        if policy.is_default:
            await self._connection.execute(_TAKE_TURNS)
            await self._connection.execute(_NO_DEFAULT, {"key": policy.key})
        values = {name: getattr(policy, name) for name in Policy.__slots__}
        await self._connection.execute(_SAVE, values | {"at": at})
