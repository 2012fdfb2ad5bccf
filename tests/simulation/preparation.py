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
  EXECUTE pg_catalog.format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', pg_catalog.current_database());
END $$;
DELETE FROM public.timers;
"""
"""Statements that name `now()` find this one first, and the timestamps of leases follow the simulated clock.

The daily timers of a living shop are put away, and plans are made once a seed.
"""

_TABLES = """
SELECT c.relname AS name,
  array(SELECT pg_catalog.quote_ident(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
        AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
  array(SELECT f.confrelid::regclass::text FROM pg_constraint f
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents,
  array(SELECT pg_catalog.quote_ident(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = '' ORDER BY a.attnum) AS columns
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""
MESSAGING = ("outbox", "inbox", "stalled_events", "timers", "idempotency_keys", "audit_log")


async def give_a_clock(owner: asyncpg.Connection) -> None:
    """Let the sessions that are opened from now on tell the simulated time."""
    await owner.execute(CLOCK)


async def remember(owner: asyncpg.Connection) -> None:
    """Make `simulation.reset()`, which brings the present content back; what was announced and set is left out.

    Tables that are empty now are emptied, the others lose and change back what a seed added and changed. Emptying by
    DELETE is quick, and `simulation.compact()`, now and then, takes the dead rows away.
    """
    tables = {row["name"]: row for row in await owner.fetch(_TABLES)}
    order = TopologicalSorter(
        {name: [parent.removeprefix("public.") for parent in row["parents"]] for name, row in tables.items()}
    )
    await owner.execute("CREATE SCHEMA beginning")
    emptied: list[str] = []
    removed: list[str] = []
    restored: list[str] = []
    for name in order.static_order():
        await owner.execute(f"ALTER TABLE public.{name} SET (autovacuum_enabled = false)")
        if name in MESSAGING or not await owner.fetchval(f"SELECT EXISTS (SELECT FROM public.{name})"):
            emptied.insert(0, name)
            continue
        await owner.execute(f"CREATE TABLE beginning.{name} AS TABLE public.{name}")
        same = " AND ".join(f"now.{column} = before.{column}" for column in tables[name]["key"])
        removed.insert(
            0,
            f"DELETE FROM public.{name} now WHERE NOT EXISTS (SELECT FROM beginning.{name} before WHERE {same});",
        )
        whole = ", ".join(tables[name]["columns"])
        restored.append(
            f"INSERT INTO public.{name} ({whole}) OVERRIDING SYSTEM VALUE SELECT {whole} FROM beginning.{name} before"
            f" WHERE NOT EXISTS (SELECT FROM public.{name} now WHERE {same});"
        )
        columns = [column for column in tables[name]["columns"] if column not in tables[name]["key"]]
        if columns:
            changed = ", ".join(f"{column} = before.{column}" for column in columns)
            restored.append(
                f"UPDATE public.{name} now SET {changed} FROM beginning.{name} before"
                f" WHERE {same} AND to_jsonb(now) <> to_jsonb(before);"
            )
    deleted = " ".join(f"DELETE FROM public.{name};" for name in emptied)
    await owner.execute(f"""
        CREATE FUNCTION simulation.reset() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN {deleted} {" ".join(removed + restored)} END $$;
        CREATE FUNCTION simulation.compact() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
          TRUNCATE {", ".join(f"public.{name}" for name in emptied)} CASCADE;
          PERFORM simulation.reset();
        END $$;
        SELECT simulation.reset();
    """)
