"""Full reductions."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE full_reductions (
          id uuid PRIMARY KEY,
          version integer NOT NULL,
          status text NOT NULL
            CONSTRAINT full_reductions_status_check CHECK (status IN ('draft', 'running', 'stopped')),
          name text NOT NULL,
          scope_kind text NOT NULL
            CONSTRAINT full_reductions_scope_kind_check CHECK (scope_kind IN ('all', 'categories', 'products')),
          scope_ids uuid[] NOT NULL,
          tiers jsonb NOT NULL CONSTRAINT full_reductions_tiers_check CHECK (jsonb_array_length(tiers) >= 1),
          starts_at timestamptz,
          ends_at timestamptz,
          created_at timestamptz NOT NULL,
          updated_at timestamptz NOT NULL,
          CONSTRAINT full_reductions_scope_check CHECK ((scope_kind = 'all') = (cardinality(scope_ids) = 0)),
          CONSTRAINT full_reductions_window_check CHECK (starts_at < ends_at)
        )""")
    op.execute("CREATE INDEX full_reductions_running_idx ON full_reductions (id) WHERE status = 'running'")
