"""What the gateway is told."""

from datetime import timedelta

from pydantic import SecretStr

from shared.settings import ServiceSettings, service_config


class Settings(ServiceSettings):
    """The gateway's settings; the first start makes the owner's account when there is no operator yet."""

    model_config = service_config("GATEWAY_")

    owner_username: str = "owner"
    owner_password: SecretStr | None = None
    session_idle: timedelta = timedelta(days=7)
    session_absolute: timedelta = timedelta(days=30)
    sessions_per_member: int = 5
    trusted_proxies: int = 0
