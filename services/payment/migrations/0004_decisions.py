"""What operators decide about payments and refunds, and where the money of an abnormal refund went."""

from alembic import op

from shared.migrations import append_only

revision = "0004"
down_revision = "0003"

STATEMENTS = """
ALTER TABLE attempts ADD COLUMN paid_fen bigint CHECK (paid_fen > 0);

UPDATE attempts a SET paid_fen = p.amount_fen FROM payments p
  WHERE p.payment_id = a.payment_id AND a.status = 'succeeded';

ALTER TABLE attempts
  ADD CONSTRAINT attempts_paid_check CHECK (paid_fen IS NULL OR status = 'succeeded'),
  DROP CONSTRAINT attempts_surplus_reason_check,
  ADD CONSTRAINT attempts_surplus_reason_check CHECK (surplus_reason IN ('late', 'duplicate', 'disputed'));

ALTER TABLE payments ADD COLUMN dispute_decided_at timestamptz;

CREATE TABLE dispute_decisions (
  decision_id uuid PRIMARY KEY,
  payment_id uuid NOT NULL REFERENCES payments,
  decision text NOT NULL CHECK (decision IN ('agreed', 'refunded', 'dismissed')),
  reason text NOT NULL,
  disputed_at timestamptz NOT NULL,
  decided_by uuid NOT NULL,
  decided_at timestamptz NOT NULL
);

CREATE INDEX dispute_decisions_payment_idx ON dispute_decisions (payment_id);

ALTER TABLE refund_attempts
  ADD COLUMN sent_to text CHECK (sent_to IN ('user_bank_card', 'merchant_account'));

CREATE TABLE outside_settlements (
  refund_id uuid PRIMARY KEY REFERENCES refunds,
  evidence text NOT NULL,
  settled_by uuid NOT NULL,
  settled_at timestamptz NOT NULL
);

CREATE INDEX refunds_surplus_idx ON refunds (refund_id) WHERE kind = 'surplus';

CREATE INDEX security_events_subject_idx ON security_events (subject)
"""

ADD_ACCOUNT = """
DO $$ DECLARE accounts text;
BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT accounts FROM pg_constraint
    WHERE conrelid = 'journal_entries'::regclass AND conname = 'journal_entries_account_check';
  ALTER TABLE journal_entries DROP CONSTRAINT journal_entries_account_check;
  EXECUTE 'ALTER TABLE journal_entries ADD CONSTRAINT journal_entries_account_check '
    || replace(accounts, ']', ', ''merchant_account'']');
END $$
"""
"""One account more than there are, whichever the migrations before this one added."""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n\n"):
        op.execute(statement)
    op.execute(ADD_ACCOUNT)
    append_only("dispute_decisions", "outside_settlements")
