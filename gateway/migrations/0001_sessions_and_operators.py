"""Sessions and operators."""

from alembic import op

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    create_kernel_tables()
    op.execute("""
        CREATE TABLE operators (
          id uuid PRIMARY KEY,
          username text NOT NULL UNIQUE,
          password_hash text NOT NULL,
          roles text[] NOT NULL CONSTRAINT operators_roles_check CHECK (
            cardinality(roles) > 0
            AND roles <@ ARRAY['owner', 'operations', 'finance', 'service_desk', 'auditor']),
          is_active boolean NOT NULL,
          created_at timestamptz NOT NULL
        )""")
    op.execute("""
        CREATE TABLE sessions (
          token_digest bytea PRIMARY KEY CONSTRAINT sessions_token_digest_check CHECK (length(token_digest) = 32),
          id uuid NOT NULL UNIQUE,
          kind text NOT NULL CONSTRAINT sessions_kind_check CHECK (kind IN ('member', 'operator')),
          subject_id uuid NOT NULL,
          wechat_openid text,
          created_at timestamptz NOT NULL,
          last_seen_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL
        )""")
    op.execute("CREATE INDEX sessions_subject_idx ON sessions (kind, subject_id, created_at)")
    op.execute("CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)")
