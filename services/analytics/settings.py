"""What the analytics service's processes are told."""

from pydantic import SecretStr

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """``ANALYTICS_…``: ``facts_url`` is ``chdb:///folder`` (embedded, owned by one process) or ``clickhouse://user@host:8123/jishi``.

    ``facts_cluster`` names the ClickHouse cluster whose tables are replicated and distributed. ``facts_buffer_rows`` is how
    many facts may wait in PostgreSQL before the engine is started for them; any query takes them all in first.
    """

    model_config = service_config("ANALYTICS_")

    facts_url: SecretStr
    facts_cluster: str | None = None
    facts_buffer_rows: int = 5_000
