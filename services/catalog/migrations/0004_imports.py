"""Product imports and their errors."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE product_imports (
          id uuid PRIMARY KEY,
          file_name text NOT NULL,
          sha256 text NOT NULL,
          content bytea NOT NULL,
          state text NOT NULL CONSTRAINT product_imports_state_check CHECK (state IN ('waiting', 'running', 'done')),
          rows_total integer NOT NULL,
          rows_created integer NOT NULL DEFAULT 0,
          rows_updated integer NOT NULL DEFAULT 0,
          rows_unchanged integer NOT NULL DEFAULT 0,
          rows_failed integer NOT NULL DEFAULT 0,
          products_done integer NOT NULL DEFAULT 0,
          created_by uuid,
          created_at timestamptz NOT NULL,
          finished_at timestamptz,
          CONSTRAINT product_imports_rows_check
            CHECK (rows_created + rows_updated + rows_unchanged + rows_failed <= rows_total)
        )""")
    op.execute("""
        CREATE TABLE product_import_errors (
          import_id uuid NOT NULL REFERENCES product_imports,
          row_number integer NOT NULL,
          column_name text NOT NULL,
          reason text NOT NULL,
          PRIMARY KEY (import_id, row_number, column_name)
        )""")
