"""Orders are listed by the time they were placed: of each state, and of each member.

The new indexes take the place of those by id, so an order costs no more of them than before. Older code still finds its
lists: a member's orders by their member, few of a state by their state, many of a state by the primary key.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = """
CREATE INDEX IF NOT EXISTS orders_status_placed_idx ON orders (status, placed_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS orders_member_placed_idx ON orders (member_id, placed_at DESC, id DESC);
DROP INDEX orders_status_idx;
DROP INDEX orders_member_idx
"""


def upgrade() -> None:
    """Make the indexes, and drop those that they replace."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
