"""The home page and the shop's own pictures."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE storefront (
          is_only boolean PRIMARY KEY DEFAULT true CONSTRAINT storefront_only_check CHECK (is_only),
          document jsonb NOT NULL,
          version integer NOT NULL DEFAULT 1,
          updated_at timestamptz NOT NULL
        )""")
    op.execute("""
        CREATE TABLE media_files (
          path text PRIMARY KEY,
          content_type text NOT NULL,
          content bytea NOT NULL,
          etag text NOT NULL,
          updated_at timestamptz NOT NULL
        )""")
    op.execute("ALTER TABLE media_files ALTER COLUMN content SET STORAGE EXTERNAL")
