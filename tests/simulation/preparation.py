"""Databases for a simulation: filled once, set back to that state before every seed, and with a `now()` of their own."""

from graphlib import TopologicalSorter

import asyncpg

CLOCK = """
CREATE SCHEMA simulation;
GRANT USAGE ON SCHEMA simulation TO PUBLIC;
CREATE FUNCTION simulation.now() RETURNS timestamptz STABLE LANGUAGE sql
  AS $$ SELECT pg_catalog.current_setting('simulation.now')::timestamptz $$;
CREATE FUNCTION simulation.random() RETURNS double precision STABLE LANGUAGE sql AS $$ SELECT 0.5::float8 $$;
DO $$ BEGIN
  EXECUTE pg_catalog.format(
    'ALTER DATABASE %I SET search_path = simulation, public, pg_catalog', pg_catalog.current_database());
END $$;
"""
"""Statements that name `now()` find this one first, and the timestamps of leases follow the simulated clock."""

_TABLES = """
SELECT c.relname AS name,
  array(SELECT f.confrelid::regclass::text FROM pg_constraint f
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents,
  array(SELECT pg_catalog.quote_ident(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum) AS columns
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""
MESSAGING = ("outbox", "inbox", "stalled_events", "timers", "idempotency_keys", "audit_log")


async def give_a_clock(owner: asyncpg.Connection) -> None:
    """Let the sessions that are opened from now on tell the time; the daily timers of a living shop are put away."""
    await owner.execute(CLOCK + "DELETE FROM public.timers;")


async def remember(owner: asyncpg.Connection) -> None:
    """Make `simulation.reset()`, which brings the present content back; what was announced and set is left out."""
    tables = {row["name"]: row for row in await owner.fetch(_TABLES)}
    order = TopologicalSorter(
        {name: [parent.removeprefix("public.") for parent in row["parents"]] for name, row in tables.items()}
    )
    await owner.execute("CREATE SCHEMA beginning")
    restored = []
    for name in order.static_order():
        await owner.execute(f"ALTER TABLE public.{name} SET (autovacuum_enabled = false)")
        if name in MESSAGING or not await owner.fetchval(f"SELECT EXISTS (SELECT FROM public.{name})"):
            continue
        columns = ", ".join(tables[name]["columns"])
        await owner.execute(f"CREATE TABLE beginning.{name} AS SELECT {columns} FROM public.{name}")
        restored.append(f"INSERT INTO public.{name} ({columns}) SELECT {columns} FROM beginning.{name};")
    names = ", ".join(f"'{name}'" for name in tables)
    await owner.execute(f"""
        CREATE FUNCTION simulation.reset() RETURNS void LANGUAGE plpgsql AS $$
        DECLARE each text; is_used boolean; used text[] := '{{}}';
        BEGIN
          FOREACH each IN ARRAY ARRAY[{names}] LOOP
            EXECUTE 'SELECT EXISTS (SELECT FROM public.' || each || ')' INTO is_used;
            IF is_used THEN used := used || ('public.' || each); END IF;
          END LOOP;
          IF cardinality(used) > 0 THEN
            EXECUTE 'TRUNCATE ' || array_to_string(used, ', ') || ' RESTART IDENTITY CASCADE';
          END IF;
          {" ".join(restored)}
        END $$
    """)
