"""What the member service's processes are told."""

from pathlib import Path

from shared.settings import MiniProgramAccount, ServiceSettings, service_config


class Settings(ServiceSettings, MiniProgramAccount):
    """``MEMBER_…``: ``field_keys_file`` holds the keys that seal personal data (SEC11)."""

    model_config = service_config("MEMBER_")

    field_keys_file: Path
