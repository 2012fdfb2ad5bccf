"""ClickHouse SQL behind one port: the embedded engine or a server, started when first needed, called in one thread.

The embedded engine takes 170–300 MB and half a second, so neither it nor its client is imported before. A process can have
one embedded folder open; a process with several shops (the tests) opens the one that is asked and closes the other.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from services.analytics.facts.ddl import create_statements
from services.analytics.facts.tables import TABLES, FactTable
from shared.http.problems import Busy

log = logging.getLogger(__name__)

T = TypeVar("T")

QUERY_SECONDS = 25
_EMBEDDED_THREAD = ThreadPoolExecutor(1, "facts")
_INSERT_SETTINGS = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 0,
    "input_format_null_as_default": 0,
}
_ON_CLUSTER = {"distributed_foreground_insert": 1}


class FactsUnavailable(Busy):
    """The engine cannot be reached, or another process holds its folder; the facts wait in PostgreSQL meanwhile."""


class FactsEngine:
    """Inserts rows and answers queries. One thread, so that an insert is over before the next question is asked."""

    _holder: ClassVar["FactsEngine | None"] = None

    def __init__(self, url: str, *, cluster: str | None = None) -> None:
        self._url = url
        self._cluster = cluster
        self._embedded = url.startswith("chdb:")
        self._thread = _EMBEDDED_THREAD if self._embedded else ThreadPoolExecutor(1, "facts")
        self._client: Any = None

    @property
    def is_started(self) -> bool:
        """Whether the engine has been needed yet."""
        return self._client is not None

    async def insert(self, table: FactTable, facts: Sequence[str]) -> None:
        """Insert rows given as JSON; on return they are on disk. Raises FactsUnavailable."""
        settings = _INSERT_SETTINGS | (_ON_CLUSTER if self._cluster else {})
        block = "\n".join(facts)
        await self._call(
            lambda client: client.raw_insert(
                table.name, insert_block=block, fmt="JSONEachRow", settings=settings
            )
        )

    async def present(
        self, table: FactTable, event_ids: Sequence[UUID], *, since: datetime, until: datetime
    ) -> set[UUID]:
        """Which of these rows, of instants from ``since`` to ``until``, the table has. Raises FactsUnavailable."""
        rows = await self.query(
            f"SELECT event_id FROM {table.name} WHERE {table.instant} BETWEEN {{since:DateTime64(3, 'UTC')}}"
            " AND {until:DateTime64(3, 'UTC')} AND event_id IN {event_ids:Array(UUID)}",
            {"since": since, "until": until, "event_ids": [str(event_id) for event_id in event_ids]},
        )
        return {row["event_id"] for row in rows}

    async def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a query, by column name; ``{name:Type}`` in it is a parameter. Raises FactsUnavailable."""
        given = {name: _literal(value) for name, value in parameters.items()}
        settings = {"max_execution_time": QUERY_SECONDS}
        return await self._call(
            lambda client: list(client.query(sql, parameters=given, settings=settings).named_results())
        )

    async def close(self) -> None:
        """Let go of the folder or the connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        if not self._embedded:
            self._thread.shutdown(wait=False)

    async def _call(self, act: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._act, act)

    def _act(self, act: Callable[[Any], T]) -> T:
        from clickhouse_connect.driver.exceptions import OperationalError

        if self._client is None:
            self._connect()
        try:
            return act(self._client)
        except OperationalError as error:
            raise FactsUnavailable("The facts cannot be read at the moment.") from error

    def _connect(self) -> None:
        from clickhouse_connect import get_client
        from clickhouse_connect.driver.exceptions import ClickHouseError

        try:
            if self._embedded:
                if FactsEngine._holder is not None:
                    FactsEngine._holder._disconnect()
                client = get_client(dsn=self._url)
                FactsEngine._holder = self
            else:
                client = get_client(
                    dsn=self._url,
                    connect_timeout=5,
                    send_receive_timeout=QUERY_SECONDS + 5,
                    autogenerate_session_id=False,
                )
            for table in TABLES.values():
                for statement in create_statements(table, cluster=self._cluster):
                    client.command(statement)
        except ClickHouseError as error:
            log.warning("facts engine away", extra={"error": str(error)[:300]})
            raise FactsUnavailable("The facts cannot be read at the moment.") from error
        self._client = client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if FactsEngine._holder is self:
            FactsEngine._holder = None


def _literal(value: Any) -> Any:
    """A parameter as ClickHouse reads it; instants in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return value
