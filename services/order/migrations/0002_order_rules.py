"""The order rules: 15 minutes to pay, received by itself 10 days after shipping."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the one row."""
    op.execute("""
        CREATE TABLE order_rules (
          only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT order_rules_only_row_check CHECK (only_row),
          pay_timeout_seconds integer NOT NULL CONSTRAINT order_rules_pay_timeout_seconds_check
            CHECK (pay_timeout_seconds BETWEEN 5 AND 7200),
          auto_receive_seconds integer NOT NULL CONSTRAINT order_rules_auto_receive_seconds_check
            CHECK (auto_receive_seconds BETWEEN 3600 AND 5184000)
        )""")
    op.execute("INSERT INTO order_rules (pay_timeout_seconds, auto_receive_seconds) VALUES (900, 864000)")
