"""What the order service's processes are told."""

from pathlib import Path

from pydantic import SecretStr

from shared.settings import MiniProgramAccount, ServiceSettings, service_config


class Settings(ServiceSettings, MiniProgramAccount):
    """``ORDER_…``: ``logistics_secret`` is shared with the carrier adapter that pushes tracking events.

    ``field_keys_file`` holds the keys that seal addresses (SEC11).
    """

    model_config = service_config("ORDER_")

    field_keys_file: Path
    logistics_secret: SecretStr
    creation_timeout_seconds: int = 20
    close_retry_seconds: int = 30
