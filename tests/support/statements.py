"""Listening to what a service asks its database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.connection import Connection, Rows


@contextmanager
def heard(engine: AsyncEngine, note: Callable[[str], None]) -> Iterator[None]:
    """Tell ``note`` each statement before it is sent to this engine's database."""
    execute = Connection.execute

    async def listening(
        self: Connection, statement: TextClause, values: Mapping[str, Any] | None = None
    ) -> Rows:
        if self.engine is engine:
            note(str(statement))
        return await execute(self, statement, values)

    with patch.object(Connection, "execute", listening):
        yield


@contextmanager
def pages_touched(engine: AsyncEngine) -> Iterator[list[int]]:
    """How many pages each statement touches that is sent to this engine's database, cached or not; it runs twice."""
    execute = Connection.execute
    touched: list[int] = []

    async def explaining(
        self: Connection, statement: TextClause, values: Mapping[str, Any] | None = None
    ) -> Rows:
        if self.engine is engine:
            explain = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
            (explained,) = (await execute(self, explain, values)).scalar_one()
            touched.append(explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"])
        return await execute(self, statement, values)

    with patch.object(Connection, "execute", explaining):
        yield touched
