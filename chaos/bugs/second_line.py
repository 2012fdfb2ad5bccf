"""The constraints that would stop some of the bugs though the code were wrong (K12): taken away for the rehearsals.

Without them a bug shows its effect in the books; with them the shop refuses the wrong row, and the event or call fails
loudly instead. Statements are for the owner of the service's database, by service.
"""

from collections.abc import Mapping, Sequence

_NO_REFUND_CHECKS = """
DO $$ DECLARE found record;
BEGIN
  FOR found IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint
    WHERE contype = 'c' AND conrelid IN ('orders'::regclass, 'order_lines'::regclass)
      AND pg_get_constraintdef(oid) LIKE '%refunded%'
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.tab, found.conname); END LOOP;
END $$"""

_NO_UNIQUE_SOURCES = """
DO $$ DECLARE found record;
BEGIN
  FOR found IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint
    WHERE contype = 'u' AND pg_get_constraintdef(oid) LIKE 'UNIQUE (source_type, source_id, kind%'
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.tab, found.conname); END LOOP;
END $$"""

SECOND_LINE: Mapping[str, Sequence[str]] = {
    "catalog": (
        "ALTER TABLE stock_levels DROP CONSTRAINT stock_levels_available_check",
        "ALTER TABLE stock_levels DROP CONSTRAINT stock_levels_reserved_check",
    ),
    "order": (_NO_REFUND_CHECKS,),
    "member": (_NO_UNIQUE_SOURCES, "ALTER TABLE outbox DROP CONSTRAINT outbox_event_id_key"),
    "payment": (_NO_UNIQUE_SOURCES,),
}
