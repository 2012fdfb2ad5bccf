"""What a database's tables are at one migration, and what of the next one older code could stumble over (4.D)."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_COLUMNS = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid) IS NOT NULL OR a.attidentity <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (attrelid, attnum)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"""

_RULES = """
SELECT 'constraint ' || conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0
UNION ALL
SELECT 'index ' || indexrelid::regclass, indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
  WHERE indisunique AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'trigger ' || tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"""

_RIGHTS = """
SELECT table_name || '.' || column_name || ' ' || privilege_type FROM information_schema.column_privileges
  WHERE grantee = :runtime AND table_schema = 'public'
UNION ALL
SELECT table_name || ' ' || privilege_type FROM information_schema.table_privileges
  WHERE grantee = :runtime AND table_schema = 'public'"""

_CHOICES = re.compile(r"ARRAY\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; what an INSERT may leave out has a default or may be null."""

    type: str
    is_required: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What rows of a table must obey: a constraint, a unique index, a trigger."""

    table: str
    definition: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables' columns and rules by their names, and what the runtime role may do."""

    columns: dict[str, Column]
    rules: dict[str, Rule]
    rights: frozenset[str]

    @property
    def tables(self) -> set[str]:
        return {name.partition(".")[0] for name in self.columns}


async def read_schema(engine: AsyncEngine, *, runtime: str) -> Schema:
    """The tables that are there now, and the rights of the runtime role."""
    async with engine.connect() as connection:

        async def rows(query: str) -> list[Any]:
            return list(
                await connection.execute(text(query), {"runtime": runtime} if ":runtime" in query else {})
            )

        return Schema(
            {name: Column(*column) for name, *column in await rows(_COLUMNS)},
            {name: Rule(*rule) for name, *rule in await rows(_RULES)},
            frozenset(right for (right,) in await rows(_RIGHTS)),
        )


def stumbling_blocks(old: Schema, new: Schema) -> dict[str, str]:
    """What code made for the old tables could stumble over on the new ones: what it is, by its name."""
    found = dict.fromkeys(old.columns.keys() - new.columns.keys(), "is gone")
    for name in old.columns.keys() & new.columns.keys():
        before, after = old.columns[name], new.columns[name]
        if before.type != after.type:
            found[name] = f"was {before.type} and is {after.type}"
        elif after.is_required and not before.is_required:
            found[name] = "may no longer be null"
        elif after.is_required and before.has_default and not after.has_default:
            found[name] = "lost its default"
    for name in new.columns.keys() - old.columns.keys():
        column = new.columns[name]
        if name.partition(".")[0] in old.tables and column.is_required and not column.has_default:
            found[name] = "is new, not null and without a default"
    for name, rule in new.rules.items():
        if rule.table in old.tables and not _is_no_stricter(old.rules.get(name), rule):
            found[name] = "may refuse what older code writes"
    there = new.tables | new.columns.keys()
    found |= {f"right {right}": "is gone" for right in old.rights - new.rights if right.split()[0] in there}
    return found


def _is_no_stricter(before: Rule | None, after: Rule) -> bool:
    """Whether a rule is the old one, or the old one with more values to choose from."""
    if before is None:
        return False
    if _CHOICES.sub("", before.definition) != _CHOICES.sub("", after.definition):
        return False
    choices = zip(_CHOICES.findall(before.definition), _CHOICES.findall(after.definition), strict=True)
    return all(set(fewer.split(", ")) <= set(more.split(", ")) for fewer, more in choices)
