"""Stock levels, reservations and the movement ledger."""

from alembic import op

from shared.migrations import append_only

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE stock_levels (
          sku_id uuid PRIMARY KEY REFERENCES skus,
          on_hand integer NOT NULL DEFAULT 0,
          reserved integer NOT NULL DEFAULT 0 CONSTRAINT stock_levels_reserved_check CHECK (reserved >= 0),
          sold integer NOT NULL DEFAULT 0 CONSTRAINT stock_levels_sold_check CHECK (sold >= 0),
          CONSTRAINT stock_levels_available_check CHECK (on_hand >= reserved)
        ) WITH (fillfactor = 50)""")
    op.execute("""
        CREATE TABLE reservations (
          order_id uuid PRIMARY KEY,
          member_id uuid,
          state text NOT NULL CONSTRAINT reservations_state_check CHECK (state IN ('held', 'committed', 'released')),
          held_at timestamptz,
          ended_at timestamptz,
          CONSTRAINT reservations_ended_check CHECK ((state = 'held') = (ended_at IS NULL))
        )""")
    op.execute("CREATE INDEX reservations_held_idx ON reservations (held_at) WHERE state = 'held'")
    op.execute("""
        CREATE TABLE reservation_lines (
          order_id uuid NOT NULL REFERENCES reservations,
          sku_id uuid NOT NULL REFERENCES stock_levels,
          quantity integer NOT NULL CONSTRAINT reservation_lines_quantity_check CHECK (quantity BETWEEN 1 AND 9999),
          restocked integer NOT NULL DEFAULT 0,
          PRIMARY KEY (order_id, sku_id),
          CONSTRAINT reservation_lines_restocked_check CHECK (restocked BETWEEN 0 AND quantity)
        )""")
    op.execute("""
        CREATE TABLE stock_movements (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          sku_id uuid NOT NULL REFERENCES stock_levels,
          kind text NOT NULL CONSTRAINT stock_movements_kind_check
            CHECK (kind IN ('receive', 'adjust', 'hold', 'release', 'commit', 'restock')),
          on_hand integer NOT NULL,
          reserved integer NOT NULL,
          sold integer NOT NULL,
          source_type text NOT NULL,
          source_id uuid NOT NULL,
          reason text,
          moved_at timestamptz NOT NULL,
          CONSTRAINT stock_movements_source_key UNIQUE (source_type, source_id, kind, sku_id)
        )""")
    op.execute("CREATE INDEX stock_movements_sku_idx ON stock_movements (sku_id, id)")
    append_only("stock_movements")
