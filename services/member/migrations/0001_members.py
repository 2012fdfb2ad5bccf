"""Members and all that hangs on them."""

from alembic import op

from shared.migrations import append_only, create_kernel_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    append_only("consents", "points_transfers", "growth_entries", "order_refunds")


TABLES = """
CREATE TABLE members (
  id uuid PRIMARY KEY,
  nickname text,
  birthday_on date,
  scene text,
  registered_at timestamptz NOT NULL
);
CREATE TABLE wechat_identities (
  appid text NOT NULL,
  openid text NOT NULL,
  member_id uuid NOT NULL REFERENCES members,
  session_key_sealed text NOT NULL,
  first_login_at timestamptz NOT NULL,
  last_login_at timestamptz NOT NULL,
  PRIMARY KEY (appid, openid),
  UNIQUE (member_id, appid)
);
CREATE TABLE wechat_unionids (
  unionid text PRIMARY KEY,
  member_id uuid NOT NULL UNIQUE REFERENCES members,
  linked_at timestamptz NOT NULL
);
CREATE TABLE privacy_agreements (
  version text PRIMARY KEY,
  title text NOT NULL,
  body text NOT NULL,
  effective_at timestamptz NOT NULL UNIQUE
);
CREATE TABLE consents (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES members,
  purpose text NOT NULL CONSTRAINT consents_purpose_check CHECK (purpose IN ('privacy', 'phone')),
  action text NOT NULL CONSTRAINT consents_action_check CHECK (action IN ('given', 'withdrawn')),
  version text NOT NULL REFERENCES privacy_agreements,
  at timestamptz NOT NULL
);
CREATE INDEX consents_member_idx ON consents (member_id, purpose, position DESC);
CREATE TABLE phones (
  member_id uuid PRIMARY KEY REFERENCES members,
  phone_sealed text NOT NULL,
  phone_index bytea NOT NULL CONSTRAINT phones_phone_index_key UNIQUE,
  bound_at timestamptz NOT NULL
);
CREATE TABLE addresses (
  id uuid PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES members,
  slot smallint NOT NULL CONSTRAINT addresses_slot_check CHECK (slot BETWEEN 1 AND 20),
  details_sealed text NOT NULL,
  is_default boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (member_id, slot)
);
CREATE UNIQUE INDEX addresses_one_default_idx ON addresses (member_id) WHERE is_default;
CREATE TABLE member_levels (
  position smallint PRIMARY KEY CONSTRAINT member_levels_position_check CHECK (position BETWEEN 1 AND 4),
  code text NOT NULL UNIQUE,
  name text NOT NULL,
  threshold_growth bigint NOT NULL UNIQUE,
  discount_bp integer NOT NULL CONSTRAINT member_levels_discount_check CHECK (discount_bp BETWEEN 1 AND 10000),
  perks jsonb NOT NULL,
  CONSTRAINT member_levels_first_check CHECK (position > 1 OR threshold_growth = 0),
  CONSTRAINT member_levels_threshold_check CHECK (threshold_growth BETWEEN 0 AND 1000000000000)
);
CREATE TABLE growth_accounts (
  member_id uuid PRIMARY KEY REFERENCES members,
  growth bigint NOT NULL CONSTRAINT growth_accounts_growth_check CHECK (growth >= 0)
);
CREATE TABLE growth_entries (
  id uuid PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES growth_accounts,
  growth bigint NOT NULL CONSTRAINT growth_entries_growth_check CHECK (growth <> 0),
  kind text NOT NULL CONSTRAINT growth_entries_kind_check CHECK (kind IN ('earn', 'take_back')),
  source_type text NOT NULL,
  source_id text NOT NULL,
  at timestamptz NOT NULL,
  UNIQUE (source_type, source_id, kind)
);
CREATE INDEX growth_entries_member_idx ON growth_entries (member_id, id);
CREATE TABLE point_rules (
  id smallint PRIMARY KEY DEFAULT 1 CONSTRAINT point_rules_one_check CHECK (id = 1),
  earn_points_per_yuan integer NOT NULL CHECK (earn_points_per_yuan BETWEEN 0 AND 1000),
  growth_per_yuan integer NOT NULL CHECK (growth_per_yuan BETWEEN 0 AND 1000),
  login_points integer NOT NULL CHECK (login_points BETWEEN 0 AND 10000),
  points_per_yuan integer NOT NULL CHECK (points_per_yuan BETWEEN 1 AND 1000000),
  points_max_ratio_bp integer NOT NULL CHECK (points_max_ratio_bp BETWEEN 0 AND 10000),
  expire_after_days integer NOT NULL CHECK (expire_after_days BETWEEN 1 AND 3650)
);
CREATE TABLE points_accounts (
  member_id uuid PRIMARY KEY REFERENCES members,
  spendable bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0,
  owed bigint NOT NULL DEFAULT 0,
  CONSTRAINT points_accounts_spendable_check CHECK (spendable BETWEEN 0 AND 1000000000000),
  CONSTRAINT points_accounts_held_check CHECK (held >= 0),
  CONSTRAINT points_accounts_owed_check CHECK (owed >= 0),
  CONSTRAINT points_accounts_debt_first_check CHECK (owed = 0 OR spendable = 0)
);
CREATE TABLE points_transfers (
  id uuid PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES points_accounts,
  kind text NOT NULL,
  from_account text NOT NULL,
  to_account text NOT NULL,
  points bigint NOT NULL CONSTRAINT points_transfers_points_check CHECK (points > 0),
  source_type text NOT NULL,
  source_id text NOT NULL,
  reason text,
  at timestamptz NOT NULL,
  CONSTRAINT points_transfers_kind_check CHECK ((kind, from_account, to_account) IN (
    ('earn', 'shop', 'spendable'), ('return', 'shop', 'spendable'), ('grant', 'shop', 'spendable'),
    ('hold', 'spendable', 'held'), ('release', 'held', 'spendable'), ('spend', 'held', 'shop'),
    ('take_back', 'spendable', 'shop'), ('owe', 'debt', 'shop'), ('repay', 'spendable', 'debt'),
    ('deduct', 'spendable', 'shop'), ('expire', 'spendable', 'shop'))),
  UNIQUE (source_type, source_id, kind)
);
CREATE INDEX points_transfers_member_idx ON points_transfers (member_id, id);
CREATE VIEW points_entries AS
  SELECT id AS transfer_id, member_id, to_account AS account, points FROM points_transfers
  UNION ALL
  SELECT id, member_id, from_account, -points FROM points_transfers;
CREATE TABLE points_lots (
  id uuid PRIMARY KEY REFERENCES points_transfers,
  member_id uuid NOT NULL REFERENCES points_accounts,
  points bigint NOT NULL,
  remaining bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT points_lots_remaining_check CHECK (remaining BETWEEN 0 AND points)
);
CREATE INDEX points_lots_open_idx ON points_lots (member_id, expires_at, id) WHERE remaining > 0;
CREATE INDEX points_lots_expiring_idx ON points_lots (expires_at, member_id) WHERE remaining > 0;
CREATE TABLE points_holds (
  order_id uuid PRIMARY KEY,
  member_id uuid,
  points bigint NOT NULL,
  state text NOT NULL CONSTRAINT points_holds_state_check CHECK (state IN ('held', 'spent', 'released')),
  created_at timestamptz NOT NULL,
  resolved_at timestamptz,
  CONSTRAINT points_holds_tombstone_check CHECK (
    CASE WHEN member_id IS NULL THEN state = 'released' AND points = 0 ELSE points > 0 END),
  CONSTRAINT points_holds_resolved_check CHECK ((state = 'held') = (resolved_at IS NULL))
);
CREATE INDEX points_holds_open_idx ON points_holds (member_id) WHERE state = 'held';
CREATE TABLE order_rewards (
  order_id uuid PRIMARY KEY,
  member_id uuid NOT NULL REFERENCES members,
  goods_fen bigint NOT NULL CHECK (goods_fen >= 0),
  earn_points_per_yuan integer NOT NULL,
  growth_per_yuan integer NOT NULL,
  points_spent bigint NOT NULL CHECK (points_spent >= 0),
  refunded_fen bigint NOT NULL DEFAULT 0,
  points_returned bigint NOT NULL DEFAULT 0,
  settled_at timestamptz NOT NULL,
  CONSTRAINT order_rewards_refunded_check CHECK (refunded_fen BETWEEN 0 AND goods_fen),
  CONSTRAINT order_rewards_returned_check CHECK (points_returned BETWEEN 0 AND points_spent)
);
CREATE TABLE order_refunds (
  refund_id uuid PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES order_rewards,
  goods_fen bigint NOT NULL,
  points_returned bigint NOT NULL,
  points_taken_back bigint NOT NULL,
  growth_taken_back bigint NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX order_refunds_order_idx ON order_refunds (order_id)
"""
