"""Reconciliation: bills, their rows, the differences from our books, and the days that were closed."""

from alembic import op

from shared.migrations import append_only

revision = "0003"
down_revision = "0002"

BOOKS = """
ALTER TABLE refund_attempts ADD COLUMN accepted_at timestamptz;

CREATE INDEX refund_attempts_accepted_idx ON refund_attempts ((coalesce(accepted_at, requested_at)), out_refund_no)
  WHERE wechat_refund_id IS NOT NULL;

CREATE INDEX attempts_paid_idx ON attempts (paid_at, out_trade_no) WHERE status = 'succeeded';

ALTER TABLE journals ALTER COLUMN payment_id DROP NOT NULL;

ALTER TABLE journals ADD CONSTRAINT journals_payment_check CHECK (payment_id IS NOT NULL OR source_type = 'bill')
"""

ADD_ACCOUNT = """
DO $$ DECLARE accounts text;
BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT accounts FROM pg_constraint
    WHERE conrelid = 'journal_entries'::regclass AND conname = 'journal_entries_account_check';
  ALTER TABLE journal_entries DROP CONSTRAINT journal_entries_account_check;
  EXECUTE 'ALTER TABLE journal_entries ADD CONSTRAINT journal_entries_account_check '
    || replace(accounts, ']', ', ''provider_fees'']');
END $$
"""
"""One account more than there are, whichever the migrations before this one added."""

RECONCILIATIONS = """
CREATE TABLE reconciliations (
  bill_on date PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('running', 'compared', 'closed')),
  step text NOT NULL,
  position bigint NOT NULL DEFAULT 0,
  cursor_at timestamptz,
  cursor_number text,
  run integer NOT NULL DEFAULT 1,
  payments_compared bigint NOT NULL DEFAULT 0,
  refunds_compared bigint NOT NULL DEFAULT 0,
  fees_charged_fen bigint NOT NULL DEFAULT 0,
  fees_returned_fen bigint NOT NULL DEFAULT 0,
  asked_at timestamptz NOT NULL,
  asked_by uuid,
  compared_at timestamptz,
  last_error text,
  CONSTRAINT reconciliations_compared_check CHECK (status = 'running' OR compared_at IS NOT NULL)
);

CREATE TABLE bills (
  bill_on date NOT NULL REFERENCES reconciliations,
  bill text NOT NULL CHECK (bill IN ('trade', 'fund')),
  sha1 text,
  bytes bigint,
  rows bigint,
  rows_read bigint NOT NULL DEFAULT 0,
  rows_compared bigint NOT NULL DEFAULT 0,
  read_at timestamptz,
  PRIMARY KEY (bill_on, bill)
);

CREATE TABLE trade_bill_rows (
  bill_on date NOT NULL,
  row_number bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('payment', 'refund')),
  number text NOT NULL,
  provider_number text NOT NULL,
  out_trade_no text NOT NULL,
  state text NOT NULL,
  amount_fen bigint NOT NULL,
  settled_fen bigint NOT NULL,
  fee_fen bigint NOT NULL,
  is_ours boolean NOT NULL,
  traded_at timestamptz NOT NULL,
  PRIMARY KEY (bill_on, row_number)
);

CREATE INDEX trade_bill_rows_number_idx ON trade_bill_rows (number, bill_on);

CREATE INDEX trade_bill_rows_provider_number_idx ON trade_bill_rows (provider_number, bill_on);

CREATE TABLE fund_bill_rows (
  bill_on date NOT NULL,
  row_number bigint NOT NULL,
  category text NOT NULL,
  business_type text NOT NULL,
  business_no text NOT NULL,
  flow_no text NOT NULL,
  voucher_no text NOT NULL,
  amount_fen bigint NOT NULL,
  balance_fen bigint NOT NULL,
  accounted_at timestamptz NOT NULL,
  PRIMARY KEY (bill_on, row_number)
);

CREATE INDEX fund_bill_rows_business_no_idx ON fund_bill_rows (business_no, bill_on);

CREATE TABLE reconciliation_differences (
  difference_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  bill_on date NOT NULL REFERENCES reconciliations,
  bill text NOT NULL CHECK (bill IN ('trade', 'fund')),
  kind text NOT NULL CHECK (kind IN ('bad_hash', 'unreadable_bill', 'unreadable_row', 'summary_differs', 'duplicate_row',
    'missing_in_books', 'missing_in_bill', 'identity_differs', 'amount_differs', 'state_differs', 'day_differs',
    'missing_in_fund_bill', 'missing_in_trade_bill', 'fund_amount_differs', 'fee_differs', 'unknown_fund_row')),
  number text NOT NULL,
  bill_facts jsonb,
  books_facts jsonb,
  found_run integer NOT NULL,
  found_at timestamptz NOT NULL,
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'carried', 'resolved')),
  owner_role text NOT NULL DEFAULT 'finance',
  owner_id uuid,
  resolution text CHECK (resolution IN ('explained', 'books_corrected', 'provider_corrected', 'written_off',
    'found_next_day', 'gone', 'read_whole')),
  note text,
  resolved_by uuid,
  resolved_at timestamptz,
  UNIQUE (bill_on, bill, kind, number),
  CONSTRAINT reconciliation_differences_carried_check CHECK (status <> 'carried' OR owner_id IS NOT NULL),
  CONSTRAINT reconciliation_differences_resolved_check CHECK (
    (status = 'resolved') = (resolution IS NOT NULL) AND (status = 'resolved') = (resolved_at IS NOT NULL))
);

CREATE INDEX reconciliation_differences_unresolved_idx ON reconciliation_differences (bill_on, kind)
  WHERE status <> 'resolved';

CREATE INDEX reconciliation_differences_number_idx ON reconciliation_differences (number);

CREATE TABLE reconciliation_closings (
  bill_on date PRIMARY KEY REFERENCES reconciliations,
  closed_at timestamptz NOT NULL,
  closed_by uuid,
  trade_sha1 text,
  fund_sha1 text,
  payments bigint NOT NULL,
  payments_fen bigint NOT NULL,
  refunds bigint NOT NULL,
  refunds_fen bigint NOT NULL,
  fees_charged_fen bigint NOT NULL,
  fees_returned_fen bigint NOT NULL,
  differences_resolved bigint NOT NULL,
  differences_carried bigint NOT NULL
)
"""


def upgrade() -> None:
    for script in (BOOKS, RECONCILIATIONS):
        for statement in script.split(";\n\n"):
            op.execute(statement)
    op.execute(ADD_ACCOUNT)
    append_only("reconciliation_closings")
    op.execute(
        "INSERT INTO timers (id, kind, key, due_at)"
        " VALUES (gen_random_uuid(), 'payment.open-reconciliations', 'daily', now())"
    )
