"""Migrating one service's database, and the tables that every service's database has."""

import importlib
from pathlib import Path

from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_SECONDS = 10
_MIGRATOR_LOCK = 0x6D696772


async def migrate(url: str, package: str, *, to: str = "head") -> list[str]:
    """Bring a database up to a migration of ``package`` (``services.order.migrations``), the newest unless told.

    Two migrators at once wait for each other. Whoever waits longer than 10 s for a table that others use gives up and
    changes nothing: behind a waiting ALTER TABLE everybody else would wait too. A database that a newer version has
    migrated is left as it is, so that an older one can be started again (4.D). Returns the revisions that were applied.
    """
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATOR_LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            return await connection.run_sync(_upgrade, package, to)
    finally:
        await engine.dispose()


def migrations_of(package: str) -> ScriptDirectory:
    """The migrations of a package, in their order."""
    folder = str(Path(importlib.import_module(package).__path__[0]))
    return ScriptDirectory(folder, version_locations=[folder])


def _upgrade(connection: Connection, package: str, to: str) -> list[str]:
    script = migrations_of(package)
    newest = script.get_current_head() or ""
    if (MigrationContext.configure(connection).get_current_revision() or "") > newest:
        return []
    applied: list[str] = []

    def steps(revision: object, context: MigrationContext) -> object:
        found = script._upgrade_revs(to, revision)  # type: ignore[arg-type]
        applied.extend(str(step.revision.revision) for step in found if step.revision)
        return found

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    return applied


def create_kernel_tables() -> None:
    """The first migration of each service: outbox, inbox, stalled events, timers, idempotency keys, audit log."""
    for statement in _KERNEL.split(";\n"):
        if statement.strip():
            op.execute(statement)
    append_only("audit_log", "inbox")


def make_prunable() -> None:
    """A later migration of each service: what was sent, claimed and answered long ago may be forgotten.

    Claims still cannot be deleted by the runtime role, but for those that `shared/pruning.py` has marked. The outbox's pages
    keep room for the relay's claim of a row, which then leaves the indexes alone: 78 µs of CPU an event instead of 143.
    """
    for statement in _PRUNING.split(";\n\n"):
        op.execute(statement)
    _for_runtime_role("REVOKE DELETE, TRUNCATE ON pruned FROM")
    _for_runtime_role("GRANT EXECUTE ON FUNCTION prune_inbox TO")


def append_only(*tables: str) -> None:
    """Take UPDATE and DELETE on journals away from the runtime role (K13); the owner keeps them for repairs."""
    for table in tables:
        _for_runtime_role(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM")


def may_update(table: str, column: str) -> None:
    """Let the runtime role change one column of a journal all the same."""
    _for_runtime_role(f"GRANT UPDATE ({column}) ON {table} TO")


def _for_runtime_role(statement: str) -> None:
    op.execute(f"""
        DO $$ DECLARE runtime text := regexp_replace(current_user, '_owner$', '');
        BEGIN
          IF runtime <> current_user AND EXISTS (SELECT FROM pg_roles WHERE rolname = runtime) THEN
            EXECUTE format('{statement} %I', runtime);
          END IF;
        END $$""")


_KERNEL = """
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL UNIQUE,
  type text NOT NULL,
  subject text NOT NULL,
  envelope text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  claimed_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  sent_at timestamptz
);
CREATE INDEX outbox_unsent_idx ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_created_at_idx ON outbox USING brin (created_at);
CREATE TABLE inbox (
  reaction text NOT NULL,
  event_id uuid NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (reaction, event_id)
);
CREATE TABLE stalled_events (
  reaction text NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,
  envelope text NOT NULL,
  state text NOT NULL CONSTRAINT stalled_events_state_check CHECK (state IN ('suspect', 'waiting', 'parked')),
  attempts integer NOT NULL,
  reason text,
  next_attempt_at timestamptz,
  stalled_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (reaction, event_id)
);
CREATE INDEX stalled_events_due_idx ON stalled_events (next_attempt_at) WHERE state = 'waiting';
CREATE TABLE timers (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  key text NOT NULL,
  due_at timestamptz NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  attempts integer NOT NULL DEFAULT 0,
  generation integer NOT NULL DEFAULT 1,
  leased_until timestamptz,
  last_error text,
  traceparent text,
  UNIQUE (kind, key)
);
CREATE INDEX timers_due_idx ON timers (due_at);
CREATE TABLE idempotency_keys (
  key text PRIMARY KEY,
  request_hash text NOT NULL,
  status integer NOT NULL,
  answer text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE audit_log (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  actor_id uuid,
  actor_roles text[] NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  before jsonb,
  after jsonb,
  previous_hash text NOT NULL,
  hash text NOT NULL UNIQUE
);
CREATE INDEX audit_log_subject_idx ON audit_log (subject, position)
"""

_PRUNING = """
CREATE TABLE pruned (
  what text PRIMARY KEY,
  below uuid NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

ALTER TABLE outbox SET (fillfactor = 50);

CREATE FUNCTION prune_inbox(of_reaction text, after_id uuid, most integer, OUT many integer, OUT last_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  mark uuid;
  ids uuid[];
BEGIN
  SELECT below INTO mark FROM pruned WHERE what = of_reaction AND since <= now() - interval '10 minutes';
  ids := ARRAY(SELECT event_id FROM inbox WHERE reaction = of_reaction AND event_id > after_id AND event_id < mark
                  AND handled_at < now() - interval '7 days' ORDER BY event_id LIMIT most);
  DELETE FROM inbox WHERE reaction = of_reaction AND event_id = ANY(ids);
  many := cardinality(ids);
  last_id := ids[many];
END $$;

REVOKE ALL ON FUNCTION prune_inbox FROM PUBLIC
"""
