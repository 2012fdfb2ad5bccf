"""What the catalog's processes are told."""

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """Environment variables that begin with ``CATALOG_``."""

    model_config = service_config("CATALOG_")
