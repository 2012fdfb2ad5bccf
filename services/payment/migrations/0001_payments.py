"""Payments, their attempts, refunds, the provider's notices, security events and the cash books."""

from alembic import op

from shared.migrations import append_only, create_kernel_tables

revision = "0001"
down_revision = None

PAYMENTS = """
CREATE TABLE payments (
  payment_id uuid PRIMARY KEY,
  order_id uuid NOT NULL UNIQUE,
  order_number text UNIQUE,
  member_id uuid,
  payer_openid text,
  description text NOT NULL,
  amount_fen bigint NOT NULL CHECK (amount_fen BETWEEN 0 AND 10000000000),
  status text NOT NULL CHECK (status IN ('paying', 'succeeded', 'closed')),
  method text CHECK (method IN ('wechat_pay', 'zero')),
  transaction_id text UNIQUE,
  paid_fen bigint NOT NULL DEFAULT 0,
  refunded_fen bigint NOT NULL DEFAULT 0,
  refund_count integer NOT NULL DEFAULT 0,
  opened_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  closing_at timestamptz,
  disputed_at timestamptz,
  paid_at timestamptz,
  closed_at timestamptz,
  CONSTRAINT payments_succeeded_check CHECK (
    (status = 'succeeded') = (transaction_id IS NOT NULL)
    AND (status = 'succeeded') = (paid_at IS NOT NULL)
    AND (status = 'succeeded') = (method IS NOT NULL)
    AND paid_fen = CASE WHEN status = 'succeeded' THEN amount_fen ELSE 0 END),
  CONSTRAINT payments_closed_check CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
  CONSTRAINT payments_refunded_check CHECK (refunded_fen BETWEEN 0 AND paid_fen AND refund_count BETWEEN 0 AND 50)
);

CREATE INDEX payments_status_idx ON payments (status, payment_id);

CREATE TABLE attempts (
  out_trade_no text PRIMARY KEY CHECK (out_trade_no ~ '^[0-9A-Za-z_-]{6,32}$'),
  payment_id uuid NOT NULL REFERENCES payments,
  number integer NOT NULL CHECK (number BETWEEN 1 AND 99),
  status text NOT NULL CHECK (status IN ('initiated', 'prepaid', 'succeeded', 'closed')),
  prepay_id text,
  prepaid_at timestamptz,
  may_appear_until timestamptz,
  initiated_at timestamptz NOT NULL,
  queried_at timestamptz,
  transaction_id text UNIQUE,
  paid_at timestamptz,
  surplus_reason text CHECK (surplus_reason IN ('late', 'duplicate')),
  closed_at timestamptz,
  last_error text,
  UNIQUE (payment_id, number),
  CONSTRAINT attempts_succeeded_check CHECK (
    (status = 'succeeded') = (transaction_id IS NOT NULL) AND (status = 'succeeded') = (paid_at IS NOT NULL)
    AND (surplus_reason IS NULL OR status = 'succeeded'))
);

CREATE UNIQUE INDEX attempts_one_open_idx ON attempts (payment_id) WHERE status IN ('initiated', 'prepaid');

CREATE UNIQUE INDEX attempts_one_counts_idx ON attempts (payment_id)
  WHERE status = 'succeeded' AND surplus_reason IS NULL
"""

REFUNDS = """
CREATE TABLE refunds (
  refund_id uuid PRIMARY KEY,
  refund_number text NOT NULL UNIQUE CHECK (refund_number ~ '^[0-9A-Za-z_-]{1,60}$'),
  kind text NOT NULL CHECK (kind IN ('order', 'surplus')),
  payment_id uuid NOT NULL REFERENCES payments,
  order_id uuid NOT NULL,
  out_trade_no text NOT NULL,
  total_fen bigint NOT NULL,
  refund_fen bigint NOT NULL CHECK (refund_fen > 0),
  reason text NOT NULL,
  status text NOT NULL CHECK (status IN ('processing', 'succeeded', 'failed', 'refused')),
  failure text,
  requested_at timestamptz NOT NULL,
  refunded_at timestamptz,
  CONSTRAINT refunds_amount_check CHECK (status = 'refused' OR refund_fen <= total_fen),
  CONSTRAINT refunds_succeeded_check CHECK ((status = 'succeeded') = (refunded_at IS NOT NULL)),
  CONSTRAINT refunds_failed_check CHECK ((status IN ('failed', 'refused')) = (failure IS NOT NULL))
);

CREATE INDEX refunds_payment_idx ON refunds (payment_id);

CREATE TABLE refund_attempts (
  out_refund_no text PRIMARY KEY CHECK (out_refund_no ~ '^[0-9A-Za-z_-]{1,64}$'),
  refund_id uuid NOT NULL REFERENCES refunds,
  number integer NOT NULL CHECK (number BETWEEN 1 AND 99),
  status text NOT NULL CHECK (status IN ('requested', 'processing', 'succeeded', 'abnormal', 'closed', 'refused')),
  calls integer NOT NULL DEFAULT 0,
  wechat_refund_id text UNIQUE,
  requested_at timestamptz NOT NULL,
  called_at timestamptz,
  finished_at timestamptz,
  last_error text,
  UNIQUE (refund_id, number)
);

CREATE UNIQUE INDEX refund_attempts_one_live_idx ON refund_attempts (refund_id)
  WHERE status NOT IN ('closed');

CREATE INDEX refund_attempts_status_idx ON refund_attempts (status, requested_at, out_refund_no)
"""

NOTICES = """
CREATE TABLE notices (
  kind text NOT NULL CHECK (kind IN ('payment', 'refund')),
  notice_id text NOT NULL,
  business_key text NOT NULL,
  event_type text NOT NULL,
  out_trade_no text NOT NULL,
  headers jsonb NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (kind, notice_id),
  UNIQUE (kind, business_key)
);

CREATE INDEX notices_out_trade_no_idx ON notices (out_trade_no);

CREATE TABLE security_events (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL,
  at timestamptz NOT NULL
)
"""

LEDGER = """
CREATE TABLE journals (
  journal_id uuid PRIMARY KEY,
  source_type text NOT NULL,
  source_id text NOT NULL,
  kind text NOT NULL,
  payment_id uuid NOT NULL REFERENCES payments,
  posted_at timestamptz NOT NULL,
  UNIQUE (source_type, source_id, kind)
);

CREATE INDEX journals_payment_idx ON journals (payment_id);

CREATE TABLE journal_entries (
  journal_id uuid NOT NULL REFERENCES journals,
  account text NOT NULL
    CHECK (account IN ('provider_receivable', 'order_receipts', 'refunds_payable', 'surplus_payable')),
  amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
  PRIMARY KEY (journal_id, account)
);

CREATE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT sum(amount_fen) FROM journal_entries WHERE journal_id = NEW.journal_id) IS DISTINCT FROM 0 THEN
    RAISE EXCEPTION 'journal % does not sum to zero', NEW.journal_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journals_balance AFTER INSERT ON journals
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balances();

CREATE CONSTRAINT TRIGGER journal_entries_balance AFTER INSERT ON journal_entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balances()
"""


def upgrade() -> None:
    create_kernel_tables()
    for script in (PAYMENTS, REFUNDS, NOTICES, LEDGER):
        for statement in script.split(";\n\n"):
            op.execute(statement)
    append_only("notices", "security_events", "journals", "journal_entries")
