"""What the order service is told."""

from pathlib import Path

from pydantic import SecretStr

from shared.settings import MiniProgramAccount, ServiceSettings, service_config


class Settings(ServiceSettings, MiniProgramAccount):
    """The order service's settings; every time is in seconds.

    ``logistics_secret`` is shared with the carrier adapter that pushes tracking events; ``field_keys_file`` holds the
    keys that seal addresses (SEC11).
    """

    model_config = service_config("ORDER_")

    field_keys_file: Path
    logistics_secret: SecretStr
    wechat_pay_mchid: str
    creation_timeout_seconds: int = 20
    close_retry_seconds: int = 30
