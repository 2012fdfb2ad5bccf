"""The kernel's tables, and what tests write: effects of events, stock to count down, an append-only journal."""

from alembic import op

from shared.migrations import append_only, create_kernel_tables, make_prunable

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    make_prunable()
    op.execute(
        "CREATE TABLE effects (reaction text NOT NULL, event_id uuid NOT NULL, at timestamptz DEFAULT now())"
    )
    op.execute(
        "CREATE TABLE counters (name text PRIMARY KEY, value bigint NOT NULL CONSTRAINT counters_value_check"
        " CHECK (value >= 0))"
    )
    op.execute(
        "CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL)"
    )
    append_only("journal")
