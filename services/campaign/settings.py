"""What the campaign service's processes are told."""

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """``CAMPAIGN_…``: what every service is told."""

    model_config = service_config("CAMPAIGN_")
