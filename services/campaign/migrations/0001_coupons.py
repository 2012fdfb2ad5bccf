"""Coupon templates with every version of their rules, members' coupons with their journal, locks for orders, buyers."""

from alembic import op

from shared.migrations import append_only, create_kernel_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    append_only("coupon_rules", "coupon_journal")
    op.execute(
        "INSERT INTO timers (id, kind, key, due_at) VALUES (gen_random_uuid(), 'expire-coupons', 'all', now())"
    )


TABLES = """
CREATE TABLE coupon_templates (
  id uuid PRIMARY KEY,
  version integer NOT NULL,
  status text NOT NULL CONSTRAINT coupon_templates_status_check CHECK (status IN ('draft', 'running', 'stopped')),
  audience text NOT NULL CONSTRAINT coupon_templates_audience_check CHECK (audience IN ('everybody', 'new_members')),
  total_quota integer NOT NULL,
  per_member_limit integer NOT NULL CONSTRAINT coupon_templates_limit_check CHECK (per_member_limit >= 1),
  issued integer NOT NULL DEFAULT 0,
  claim_from_at timestamptz,
  claim_until_at timestamptz,
  valid_days integer,
  valid_from_at timestamptz,
  valid_until_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT coupon_templates_quota_check CHECK (issued BETWEEN 0 AND total_quota),
  CONSTRAINT coupon_templates_claim_window_check CHECK (claim_from_at < claim_until_at),
  CONSTRAINT coupon_templates_validity_check CHECK (
    CASE WHEN valid_days IS NULL THEN coalesce(valid_from_at < valid_until_at, false)
         ELSE valid_days >= 1 AND valid_from_at IS NULL AND valid_until_at IS NULL END)
) WITH (fillfactor = 50);
CREATE INDEX coupon_templates_running_idx ON coupon_templates (id) WHERE status = 'running';
CREATE TABLE coupon_rules (
  template_id uuid NOT NULL REFERENCES coupon_templates,
  version integer NOT NULL,
  name text NOT NULL,
  kind text NOT NULL CONSTRAINT coupon_rules_kind_check CHECK (kind IN ('amount', 'percent', 'freight')),
  scope_kind text NOT NULL
    CONSTRAINT coupon_rules_scope_kind_check CHECK (scope_kind IN ('all', 'categories', 'products')),
  scope_ids uuid[] NOT NULL,
  threshold_fen bigint NOT NULL CONSTRAINT coupon_rules_threshold_check CHECK (threshold_fen >= 0),
  stackable_with_full_reduction boolean NOT NULL,
  amount_fen bigint NOT NULL,
  discount_bp integer NOT NULL,
  cap_fen bigint CONSTRAINT coupon_rules_cap_check CHECK (cap_fen >= 1),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (template_id, version),
  CONSTRAINT coupon_rules_scope_check CHECK ((scope_kind = 'all') = (cardinality(scope_ids) = 0)),
  CONSTRAINT coupon_rules_worth_check CHECK (
    CASE kind WHEN 'amount' THEN amount_fen >= 1 AND discount_bp = 10000 AND cap_fen IS NULL
              WHEN 'percent' THEN amount_fen = 0 AND discount_bp BETWEEN 1 AND 9999
              ELSE amount_fen = 0 AND discount_bp = 10000 END)
);
CREATE TABLE coupons (
  id uuid PRIMARY KEY,
  code text NOT NULL UNIQUE,
  template_id uuid NOT NULL,
  template_version integer NOT NULL,
  member_id uuid NOT NULL,
  sequence integer NOT NULL,
  per_member_limit integer NOT NULL,
  state text NOT NULL CONSTRAINT coupons_state_check CHECK (state IN ('available', 'locked', 'used', 'expired')),
  order_id uuid,
  starts_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  claimed_at timestamptz NOT NULL,
  FOREIGN KEY (template_id, template_version) REFERENCES coupon_rules,
  UNIQUE (template_id, member_id, sequence),
  CONSTRAINT coupons_limit_check CHECK (sequence BETWEEN 1 AND per_member_limit),
  CONSTRAINT coupons_validity_check CHECK (starts_at < expires_at),
  CONSTRAINT coupons_order_check CHECK ((state IN ('locked', 'used')) = (order_id IS NOT NULL))
);
CREATE UNIQUE INDEX coupons_order_idx ON coupons (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX coupons_member_idx ON coupons (member_id, id);
CREATE INDEX coupons_expiring_idx ON coupons (expires_at) WHERE state = 'available';
CREATE TABLE coupon_journal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  coupon_id uuid NOT NULL REFERENCES coupons,
  kind text NOT NULL,
  from_state text,
  to_state text NOT NULL,
  source_type text NOT NULL,
  source_id uuid NOT NULL,
  at timestamptz NOT NULL,
  UNIQUE (source_type, source_id, kind),
  CONSTRAINT coupon_journal_claim_check CHECK ((kind = 'claim') = (from_state IS NULL)),
  CONSTRAINT coupon_journal_step_check CHECK ((kind, coalesce(from_state, ''), to_state) IN (
    ('claim', '', 'available'), ('lock', 'available', 'locked'), ('release', 'locked', 'available'),
    ('redeem', 'locked', 'used'), ('restore', 'used', 'available'), ('expire', 'available', 'expired')))
);
CREATE INDEX coupon_journal_coupon_idx ON coupon_journal (coupon_id, id);
CREATE TABLE coupon_locks (
  order_id uuid PRIMARY KEY,
  coupon_id uuid REFERENCES coupons,
  member_id uuid,
  state text NOT NULL
    CONSTRAINT coupon_locks_state_check CHECK (state IN ('locked', 'released', 'redeemed', 'restored')),
  discount_fen bigint CONSTRAINT coupon_locks_discount_check CHECK (discount_fen >= 0),
  locked_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT coupon_locks_ended_check CHECK ((state = 'locked') = (ended_at IS NULL)),
  CONSTRAINT coupon_locks_redeemed_check CHECK ((state IN ('redeemed', 'restored')) = (discount_fen IS NOT NULL)),
  CONSTRAINT coupon_locks_tombstone_check CHECK (
    (coupon_id IS NULL) = (member_id IS NULL) AND (coupon_id IS NULL) = (locked_at IS NULL)
    AND (coupon_id IS NOT NULL OR state = 'released'))
);
CREATE TABLE buyers (
  member_id uuid PRIMARY KEY,
  first_paid_at timestamptz NOT NULL
)
"""
