"""The buffer of facts, the ids of behaviour events, and the quarantine."""

from alembic import op

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    op.execute("""
        CREATE TABLE fact_buffer (
          position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          event_id uuid NOT NULL UNIQUE,
          fact_table text NOT NULL,
          happened_at timestamptz NOT NULL,
          fact text NOT NULL
        )""")
    op.execute("""
        CREATE TABLE behaviour_event_ids (
          event_id uuid PRIMARY KEY,
          digest bytea NOT NULL,
          received_at timestamptz NOT NULL
        )""")
    op.execute(
        "CREATE INDEX behaviour_event_ids_received_at_idx ON behaviour_event_ids USING brin (received_at)"
    )
    op.execute("""
        CREATE TABLE quarantined_events (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          reason text NOT NULL,
          detail text NOT NULL,
          event text,
          received_at timestamptz NOT NULL
        )""")
    op.execute("CREATE INDEX quarantined_events_received_at_idx ON quarantined_events (received_at)")
    op.execute(
        "INSERT INTO timers (id, kind, key, due_at) VALUES (gen_random_uuid(), 'forget-events', 'daily', now())"
    )
