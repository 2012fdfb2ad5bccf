"""Profit sharing: receivers, rules, shares of payments and their returns, and the guards of what may be shared."""

from alembic import op

from shared.migrations import append_only

revision = "0002"
down_revision = "0001"

RULES = """
CREATE TABLE share_receivers (
  receiver_id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('merchant', 'personal')),
  account text NOT NULL CHECK (account <> ''),
  relation text NOT NULL,
  custom_relation text,
  status text NOT NULL CHECK (status IN ('adding', 'active', 'removing', 'removed')),
  added_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  last_error text,
  UNIQUE (kind, account)
);

CREATE TABLE share_rules (
  version integer PRIMARY KEY CHECK (version > 0),
  total_bp integer NOT NULL CHECK (total_bp >= 0 AND total_bp <= max_bp),
  max_bp integer NOT NULL CHECK (max_bp BETWEEN 0 AND 10000),
  fee_bp integer NOT NULL CHECK (fee_bp BETWEEN 0 AND 500),
  share_after_seconds integer NOT NULL CHECK (share_after_seconds >= 0),
  unfreeze_after_seconds integer NOT NULL CHECK (unfreeze_after_seconds BETWEEN 60 AND 2592000),
  set_at timestamptz NOT NULL
);

CREATE TABLE share_rule_parts (
  version integer NOT NULL REFERENCES share_rules,
  receiver_id uuid NOT NULL REFERENCES share_receivers,
  share_bp integer NOT NULL CHECK (share_bp BETWEEN 1 AND 10000),
  PRIMARY KEY (version, receiver_id)
)
"""

GUARDS = """
ALTER TABLE attempts ADD COLUMN share_rule_version integer REFERENCES share_rules;

ALTER TABLE payments
  ADD COLUMN share_max_bp integer NOT NULL DEFAULT 0 CHECK (share_max_bp BETWEEN 0 AND 10000),
  ADD COLUMN fee_fen bigint NOT NULL DEFAULT 0 CHECK (fee_fen >= 0),
  ADD COLUMN shared_fen bigint NOT NULL DEFAULT 0,
  ADD COLUMN share_back_fen bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT payments_shared_check CHECK (
    shared_fen BETWEEN 0 AND paid_fen * share_max_bp / 10000
    AND share_back_fen BETWEEN 0 AND shared_fen
    AND shared_fen - share_back_fen + refunded_fen + fee_fen - fee_fen * refunded_fen / greatest(paid_fen, 1)
      <= paid_fen)
"""

SHARES = """
CREATE TABLE profit_shares (
  payment_id uuid PRIMARY KEY REFERENCES payments,
  order_id uuid NOT NULL UNIQUE,
  out_trade_no text NOT NULL UNIQUE REFERENCES attempts,
  transaction_id text NOT NULL UNIQUE,
  rule_version integer NOT NULL REFERENCES share_rules,
  status text NOT NULL CHECK (status IN
    ('none', 'requested', 'processing', 'refused', 'finished', 'unfreezing', 'unfrozen')),
  paid_at timestamptz NOT NULL,
  unfreeze_due_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL
);

CREATE INDEX profit_shares_status_idx ON profit_shares (status, payment_id);

CREATE TABLE share_orders (
  out_order_no text PRIMARY KEY CHECK (out_order_no ~ '^[0-9A-Za-z_-]{1,64}$'),
  payment_id uuid NOT NULL REFERENCES profit_shares,
  number integer NOT NULL CHECK (number BETWEEN 1 AND 50),
  kind text NOT NULL CHECK (kind IN ('share', 'unfreeze')),
  base_fen bigint NOT NULL CHECK (base_fen >= 0),
  status text NOT NULL CHECK (status IN ('requested', 'processing', 'refused', 'finished')),
  calls integer NOT NULL DEFAULT 0,
  wechat_order_id text UNIQUE,
  requested_at timestamptz NOT NULL,
  called_at timestamptz,
  finished_at timestamptz,
  last_error text,
  UNIQUE (payment_id, number)
);

CREATE UNIQUE INDEX share_orders_one_live_idx ON share_orders (payment_id)
  WHERE status IN ('requested', 'processing');

CREATE UNIQUE INDEX share_orders_one_unfreeze_idx ON share_orders (payment_id) WHERE kind = 'unfreeze';

CREATE TABLE share_parts (
  out_order_no text NOT NULL REFERENCES share_orders,
  receiver_id uuid NOT NULL REFERENCES share_receivers,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  back_fen bigint NOT NULL DEFAULT 0 CHECK (back_fen BETWEEN 0 AND amount_fen),
  result text NOT NULL DEFAULT 'pending' CHECK (result IN ('pending', 'succeeded', 'closed')),
  fail_reason text,
  finished_at timestamptz,
  PRIMARY KEY (out_order_no, receiver_id),
  CONSTRAINT share_parts_closed_check CHECK (result <> 'closed' OR back_fen = 0)
);

CREATE TABLE share_returns (
  out_return_no text PRIMARY KEY CHECK (out_return_no ~ '^[0-9A-Za-z_-]{1,60}$'),
  payment_id uuid NOT NULL REFERENCES profit_shares,
  number integer NOT NULL CHECK (number > 0),
  refund_id uuid NOT NULL REFERENCES refunds,
  out_order_no text NOT NULL,
  receiver_id uuid NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen > 0),
  status text NOT NULL CHECK (status IN ('requested', 'processing', 'returned', 'failed', 'borne', 'void')),
  tries integer NOT NULL DEFAULT 1 CHECK (tries BETWEEN 1 AND 50),
  calls integer NOT NULL DEFAULT 0,
  requested_at timestamptz NOT NULL,
  called_at timestamptz,
  finished_at timestamptz,
  failure text,
  UNIQUE (payment_id, number),
  UNIQUE (refund_id, out_order_no, receiver_id),
  FOREIGN KEY (out_order_no, receiver_id) REFERENCES share_parts
);

CREATE INDEX share_returns_part_idx ON share_returns (out_order_no, receiver_id)
"""

LEDGER = """
ALTER TABLE journal_entries DROP CONSTRAINT journal_entries_account_check;

ALTER TABLE journal_entries ADD CONSTRAINT journal_entries_account_check CHECK (account IN (
  'provider_receivable', 'order_receipts', 'refunds_payable', 'surplus_payable',
  'provider_frozen', 'shares_payable', 'share_returns_receivable', 'shares_borne')) NOT VALID;

ALTER TABLE journal_entries VALIDATE CONSTRAINT journal_entries_account_check
"""


def upgrade() -> None:
    for script in (RULES, GUARDS, SHARES, LEDGER):
        for statement in script.split(";\n\n"):
            op.execute(statement)
    append_only("share_rules", "share_rule_parts")
