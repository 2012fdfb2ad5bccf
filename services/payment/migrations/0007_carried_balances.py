"""Balances of the cash books as of a seal, so that nobody sums all entries; the worker catches up with what is sealed."""

from alembic import op

from shared.migrations import append_only

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.execute("""
        CREATE TABLE carried_balances (
          seal_number bigint NOT NULL REFERENCES ledger_seals,
          account text NOT NULL,
          balance_fen bigint NOT NULL,
          PRIMARY KEY (seal_number, account)
        )""")
    append_only("carried_balances")
