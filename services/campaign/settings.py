"""What the campaign service's processes are told."""

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """Environment variables that begin with ``CAMPAIGN_``."""

    model_config = service_config("CAMPAIGN_")
