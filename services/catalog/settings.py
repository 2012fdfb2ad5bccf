"""What the catalog service's processes are told."""

from pydantic import Field

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """``CATALOG_…``: ``searches_kept_days`` is how long it is known what people searched for, and in vain."""

    model_config = service_config("CATALOG_")

    searches_kept_days: int = Field(400, ge=30)
