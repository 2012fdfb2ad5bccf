"""Rate limits that all gateways share: lost in a crash, which harms nobody, and so not written ahead."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; room on its pages keeps updates off the index."""
    op.execute("""
        CREATE UNLOGGED TABLE rate_limits (
          key bytea PRIMARY KEY CONSTRAINT rate_limits_key_check CHECK (length(key) = 16),
          full_at timestamptz NOT NULL,
          is_granted boolean NOT NULL
        ) WITH (fillfactor = 50)""")
