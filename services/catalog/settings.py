"""What the catalog service's processes are told."""

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """``CATALOG_…``: what every service is told."""

    model_config = service_config("CATALOG_")
