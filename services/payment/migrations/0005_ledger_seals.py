"""Seals: the cash books as a hash chain, so that a journal cannot be changed or taken out afterwards (M6)."""

from alembic import op

from shared.migrations import append_only, may_update

revision = "0005"
down_revision = "0004"

SEALS = """
ALTER TABLE journals ADD COLUMN seal_number bigint;

CREATE INDEX journals_seal_idx ON journals (seal_number, journal_id);

CREATE TABLE ledger_seals (
  seal_number bigint PRIMARY KEY CHECK (seal_number > 0),
  journal_count integer NOT NULL CHECK (journal_count > 0),
  previous_hash text NOT NULL UNIQUE,
  hash text NOT NULL UNIQUE,
  sealed_at timestamptz NOT NULL
);

CREATE FUNCTION journal_is_sealed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'journal % is sealed', OLD.journal_id USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER journals_sealed_once BEFORE UPDATE ON journals FOR EACH ROW
  WHEN (OLD.seal_number IS NOT NULL) EXECUTE FUNCTION journal_is_sealed_once()
"""


def upgrade() -> None:
    for statement in SEALS.split(";\n\n"):
        op.execute(statement)
    append_only("ledger_seals")
    may_update("journals", "seal_number")
