"""After-sale requests by line and quantity, their history and negotiation, and the rules they wait by."""

from alembic import op

from shared.migrations import append_only

revision = "0003"
down_revision = "0002"

_STATEMENTS = """
ALTER TABLE order_lines
  ADD COLUMN claimed_quantity integer NOT NULL DEFAULT 0,
  ADD COLUMN held_back_quantity integer NOT NULL DEFAULT 0,
  ADD COLUMN after_sale_requests smallint NOT NULL DEFAULT 0,
  ADD CONSTRAINT order_lines_claimed_check CHECK (claimed_quantity >= 0
    AND refunded_quantity + claimed_quantity <= quantity),
  ADD CONSTRAINT order_lines_held_back_check CHECK (held_back_quantity BETWEEN 0 AND claimed_quantity
    AND shipped_quantity + cancelled_quantity + held_back_quantity <= quantity),
  ADD CONSTRAINT order_lines_given_back_check CHECK (refunded_quantity - cancelled_quantity
    + claimed_quantity - held_back_quantity <= shipped_quantity),
  ADD CONSTRAINT order_lines_after_sale_requests_check CHECK (after_sale_requests BETWEEN 0 AND 5);
ALTER TABLE refund_lines
  ADD COLUMN off_shelf_quantity integer NOT NULL DEFAULT 0,
  ADD CONSTRAINT refund_lines_off_shelf_check CHECK (off_shelf_quantity BETWEEN 0 AND quantity);
CREATE TABLE after_sales (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  member_id uuid NOT NULL,
  number smallint NOT NULL CHECK (number >= 1),
  after_sale_number text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('refund_only', 'return_and_refund', 'exchange')),
  status text NOT NULL CHECK (status IN ('applied', 'approved', 'awaiting_return', 'returned', 'received', 'out_of_stock',
    'replacing', 'replacement_shipped', 'refunding', 'completed', 'rejected', 'arbitrating', 'closed', 'cancelled',
    'expired')),
  version integer NOT NULL CHECK (version >= 1),
  reason text NOT NULL,
  refund_id uuid UNIQUE REFERENCES refunds (id),
  return_carrier text,
  return_tracking_number text,
  replacement_carrier text,
  replacement_tracking_number text,
  due_at timestamptz,
  applied_at timestamptz NOT NULL,
  ended_at timestamptz CHECK (ended_at >= applied_at),
  UNIQUE (order_id, number),
  CONSTRAINT after_sales_ended_check
    CHECK ((ended_at IS NOT NULL) = (status IN ('completed', 'closed', 'cancelled', 'expired'))),
  CONSTRAINT after_sales_refund_check CHECK (status <> 'refunding' OR refund_id IS NOT NULL)
);
CREATE INDEX after_sales_member_idx ON after_sales (member_id, id DESC);
CREATE INDEX after_sales_status_idx ON after_sales (status, id DESC);
CREATE TABLE after_sale_lines (
  after_sale_id uuid NOT NULL REFERENCES after_sales (id),
  order_line_id uuid NOT NULL REFERENCES order_lines (id),
  quantity integer NOT NULL CHECK (quantity >= 1),
  held_back_quantity integer NOT NULL CHECK (held_back_quantity BETWEEN 0 AND quantity),
  restockable_quantity integer CHECK (restockable_quantity BETWEEN 0 AND quantity),
  PRIMARY KEY (after_sale_id, order_line_id)
);
CREATE INDEX after_sale_lines_order_line_idx ON after_sale_lines (order_line_id);
CREATE TABLE after_sale_history (
  after_sale_id uuid NOT NULL REFERENCES after_sales (id),
  version integer NOT NULL CHECK (version >= 1),
  from_status text,
  status text NOT NULL,
  reason text,
  actor_kind text NOT NULL CHECK (actor_kind IN ('member', 'operator', 'system')),
  actor_id uuid,
  at timestamptz NOT NULL,
  PRIMARY KEY (after_sale_id, version),
  CONSTRAINT after_sale_history_first_check CHECK ((version = 1) = (from_status IS NULL))
);
CREATE TABLE after_sale_messages (
  id uuid PRIMARY KEY,
  after_sale_id uuid NOT NULL REFERENCES after_sales (id),
  author_kind text NOT NULL CHECK (author_kind IN ('member', 'operator')),
  author_id uuid,
  text_sealed text NOT NULL,
  pictures text[] NOT NULL CHECK (cardinality(pictures) <= 9),
  sent_at timestamptz NOT NULL
);
CREATE INDEX after_sale_messages_idx ON after_sale_messages (after_sale_id, id DESC);
CREATE TABLE after_sale_rules (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  approve_unshipped_at_once boolean NOT NULL,
  default_days integer NOT NULL CHECK (default_days BETWEEN 0 AND 365),
  answer_seconds integer NOT NULL CHECK (answer_seconds BETWEEN 1 AND 5184000),
  return_seconds integer NOT NULL CHECK (return_seconds BETWEEN 1 AND 5184000),
  receive_seconds integer NOT NULL CHECK (receive_seconds BETWEEN 1 AND 5184000),
  rejected_seconds integer NOT NULL CHECK (rejected_seconds BETWEEN 1 AND 5184000),
  replacement_seconds integer NOT NULL CHECK (replacement_seconds BETWEEN 1 AND 5184000)
);
INSERT INTO after_sale_rules (approve_unshipped_at_once, default_days, answer_seconds, return_seconds, receive_seconds,
  rejected_seconds, replacement_seconds) VALUES (true, 7, 172800, 604800, 864000, 604800, 864000)
"""


def upgrade() -> None:
    """Make the tables, and let lines count what is claimed of them."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
    append_only("after_sale_history", "after_sale_messages")
