"""Carts, orders with lines and history, parcels with tracking, refunds, the freight rule."""

from alembic import op

from shared.migrations import append_only, create_kernel_tables

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE cart_lines (
  member_id uuid NOT NULL,
  sku_id uuid NOT NULL,
  slot smallint NOT NULL CHECK (slot BETWEEN 1 AND 100),
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 9999),
  is_selected boolean NOT NULL,
  added_price_fen bigint NOT NULL CHECK (added_price_fen >= 0),
  added_at timestamptz NOT NULL,
  PRIMARY KEY (member_id, sku_id),
  UNIQUE (member_id, slot)
);
CREATE TABLE orders (
  id uuid PRIMARY KEY,
  order_number text NOT NULL UNIQUE,
  member_id uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('creating', 'pending_pay', 'closing', 'closed', 'paid', 'partly_shipped',
    'shipped', 'completed')),
  version integer NOT NULL CHECK (version >= 1),
  unpaid_slot smallint CHECK (unpaid_slot BETWEEN 1 AND 5),
  goods_fen bigint NOT NULL CHECK (goods_fen >= 0),
  discount_fen bigint NOT NULL CHECK (discount_fen >= 0),
  coupon_discount_fen bigint NOT NULL CHECK (coupon_discount_fen >= 0),
  points_used bigint NOT NULL CHECK (points_used >= 0),
  points_discount_fen bigint NOT NULL CHECK (points_discount_fen >= 0),
  freight_fen bigint NOT NULL CHECK (freight_fen >= 0),
  freight_discount_fen bigint NOT NULL CHECK (freight_discount_fen BETWEEN 0 AND freight_fen),
  payable_fen bigint NOT NULL CHECK (payable_fen BETWEEN 0 AND 10000000000),
  refunded_fen bigint NOT NULL DEFAULT 0 CHECK (refunded_fen BETWEEN 0 AND payable_fen),
  refund_summary text NOT NULL DEFAULT 'none' CHECK (refund_summary IN ('none', 'partial', 'full')),
  coupon_id uuid,
  price_request jsonb NOT NULL,
  quote jsonb NOT NULL,
  address_id uuid NOT NULL,
  address_sealed text NOT NULL,
  from_cart boolean NOT NULL,
  close_reason text,
  refusal jsonb,
  idempotency_key text UNIQUE,
  request_hash text NOT NULL,
  placed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > placed_at),
  paid_at timestamptz CHECK (paid_at >= placed_at),
  shipped_at timestamptz,
  completed_at timestamptz,
  closed_at timestamptz,
  UNIQUE (member_id, unpaid_slot),
  CONSTRAINT orders_unpaid_check CHECK ((unpaid_slot IS NOT NULL) = (status IN ('creating', 'pending_pay', 'closing'))),
  CONSTRAINT orders_sum_check CHECK (payable_fen = goods_fen + freight_fen - discount_fen),
  CONSTRAINT orders_paid_check CHECK ((paid_at IS NOT NULL)
    = (status IN ('paid', 'partly_shipped', 'shipped', 'completed')))
);
CREATE INDEX orders_member_idx ON orders (member_id, id DESC);
CREATE INDEX orders_status_idx ON orders (status, id DESC);
CREATE TABLE order_lines (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  sku_id uuid NOT NULL,
  sku_code text NOT NULL,
  product_id uuid NOT NULL,
  product_name text NOT NULL,
  options jsonb NOT NULL,
  image_url text,
  category_ids uuid[] NOT NULL CHECK (cardinality(category_ids) >= 1),
  unit_price_fen bigint NOT NULL CHECK (unit_price_fen >= 0),
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 9999),
  payable_fen bigint NOT NULL CHECK (payable_fen >= 0),
  points_used bigint NOT NULL CHECK (points_used >= 0),
  after_sale_policy jsonb,
  shipped_quantity integer NOT NULL DEFAULT 0 CHECK (shipped_quantity >= 0),
  cancelled_quantity integer NOT NULL DEFAULT 0 CHECK (cancelled_quantity >= 0),
  refunded_quantity integer NOT NULL DEFAULT 0 CHECK (refunded_quantity BETWEEN 0 AND quantity),
  refunded_fen bigint NOT NULL DEFAULT 0 CHECK (refunded_fen BETWEEN 0 AND payable_fen),
  refunded_points bigint NOT NULL DEFAULT 0 CHECK (refunded_points BETWEEN 0 AND points_used),
  UNIQUE (order_id, sku_id),
  CONSTRAINT order_lines_shipped_check CHECK (shipped_quantity + cancelled_quantity <= quantity),
  CONSTRAINT order_lines_cancelled_check CHECK (cancelled_quantity <= refunded_quantity)
);
CREATE TABLE order_history (
  order_id uuid NOT NULL REFERENCES orders (id),
  version integer NOT NULL CHECK (version >= 1),
  status text NOT NULL,
  reason text,
  actor_kind text NOT NULL CHECK (actor_kind IN ('member', 'operator', 'system')),
  actor_id uuid,
  at timestamptz NOT NULL,
  PRIMARY KEY (order_id, version)
);
CREATE TABLE shipments (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  number smallint NOT NULL CHECK (number BETWEEN 1 AND 15),
  carrier text NOT NULL,
  tracking_number text NOT NULL,
  shipped_at timestamptz NOT NULL,
  upload_status text NOT NULL CHECK (upload_status IN ('pending', 'uploaded', 'not_needed', 'refused')),
  upload_attempts integer NOT NULL DEFAULT 0,
  upload_error text,
  uploaded_at timestamptz,
  UNIQUE (order_id, number)
);
CREATE INDEX shipments_tracking_idx ON shipments (carrier, tracking_number);
CREATE TABLE shipment_lines (
  shipment_id uuid NOT NULL REFERENCES shipments (id),
  order_line_id uuid NOT NULL REFERENCES order_lines (id),
  quantity integer NOT NULL CHECK (quantity >= 1),
  PRIMARY KEY (shipment_id, order_line_id)
);
CREATE TABLE tracking_events (
  carrier text NOT NULL,
  tracking_number text NOT NULL,
  occurred_at timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('collected', 'in_transit', 'out_for_delivery', 'delivered', 'problem',
    'returned')),
  description text NOT NULL,
  location text,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (carrier, tracking_number, occurred_at, status)
);
CREATE TABLE refunds (
  id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders (id),
  number smallint NOT NULL CHECK (number BETWEEN 1 AND 50),
  refund_number text NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('requested', 'succeeded', 'needs_attention')),
  freight_fen bigint NOT NULL CHECK (freight_fen >= 0),
  refund_fen bigint NOT NULL CHECK (refund_fen >= freight_fen),
  points_returned bigint NOT NULL CHECK (points_returned >= 0),
  reason text NOT NULL,
  failure_reason text,
  requested_by uuid,
  requested_at timestamptz NOT NULL,
  refunded_at timestamptz,
  UNIQUE (order_id, number),
  CONSTRAINT refunds_refunded_check CHECK ((refunded_at IS NOT NULL) = (status = 'succeeded'))
);
CREATE INDEX refunds_status_idx ON refunds (status, id DESC);
CREATE TABLE refund_lines (
  refund_id uuid NOT NULL REFERENCES refunds (id),
  order_line_id uuid NOT NULL REFERENCES order_lines (id),
  quantity integer NOT NULL CHECK (quantity >= 1),
  amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
  points_returned bigint NOT NULL CHECK (points_returned >= 0),
  PRIMARY KEY (refund_id, order_line_id)
);
CREATE TABLE freight_rule (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  fee_fen bigint NOT NULL CHECK (fee_fen BETWEEN 0 AND 10000000000),
  free_from_fen bigint CHECK (free_from_fen BETWEEN 0 AND 10000000000)
);
INSERT INTO freight_rule (fee_fen, free_from_fen) VALUES (800, 9900)
"""


def upgrade() -> None:
    create_kernel_tables()
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    append_only("order_history", "shipment_lines", "tracking_events", "refund_lines")
