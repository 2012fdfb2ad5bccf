"""One template of the tables for every size: a folder, a server, a cluster."""

from services.analytics.facts.tables import FactTable

_DURABLE = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
_REPLICATED = "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')"


def create_statements(table: FactTable, *, cluster: str | None = None) -> list[str]:
    """The statements that create a table where it is missing; on a cluster a replicated one under a distributed one."""
    if cluster is None:
        return [_create(table, table.name, "ReplacingMergeTree")]
    local = f"{table.name}_local"
    on_cluster = f" ON CLUSTER '{cluster}'"
    spread = f"Distributed('{cluster}', currentDatabase(), '{local}', cityHash64({table.shard_by}))"
    return [
        _create(table, local + on_cluster, _REPLICATED),
        f"CREATE TABLE IF NOT EXISTS {table.name}{on_cluster} AS {local} ENGINE = {spread}",
    ]


def _create(table: FactTable, name: str, engine: str) -> str:
    columns = ",\n  ".join(f"{column} {type_}" for column, type_ in table.columns)
    return (
        f"CREATE TABLE IF NOT EXISTS {name} (\n  {columns}\n)\nENGINE = {engine}\n"
        f"PARTITION BY toYYYYMM({table.instant})\nORDER BY ({', '.join(table.order_by)})\n{_DURABLE}"
    )
