"""Settings from prefixed environment variables; an unknown prefixed name stops the start."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class UnknownSetting(ValueError):
    """An environment variable has a known prefix and an unknown rest: a misspelling, most likely."""


class ServiceSettings(BaseSettings):
    """What every process of a service is told.

    A subclass names its prefix with ``model_config = service_config("ORDER_")``. Secrets may be given as files:
    ``ORDER_DATABASE_URL_FILE`` names a file whose text is the value of ``ORDER_DATABASE_URL`` (SEC15).
    """

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    migration_database_url: SecretStr | None = None
    database_pool_size: int = 10
    amqp_url: SecretStr = SecretStr("local://")
    host: str = "127.0.0.1"
    port: int = 0
    worker_health_port: int = 0
    identity_key_file: Path
    identity_keyring_file: Path
    service_urls: dict[str, str] = {}
    log_level: str = "INFO"
    trace_sample_ratio: float = 0.01
    otlp_endpoint: str | None = None

    @classmethod
    def from_environment(cls, environment: dict[str, str] | None = None) -> Self:
        """Read the prefixed variables; raises UnknownSetting for a prefixed name that is no field."""
        source = dict(os.environ if environment is None else environment)
        prefix = str(cls.model_config["env_prefix"]).upper()
        values: dict[str, Any] = {}
        for name, text in source.items():
            if not name.upper().startswith(prefix):
                continue
            field = name[len(prefix) :].lower()
            if field.endswith("_file") and field not in cls.model_fields:
                field, text = field.removesuffix("_file"), Path(text).read_text().strip()
            if field not in cls.model_fields:
                raise UnknownSetting(f"{name} is not a setting of {cls.__module__}; see its fields")
            values[field] = text
        return cls.model_validate_strings(values)


def service_config(prefix: str) -> SettingsConfigDict:
    """The pydantic-settings configuration of one service: frozen, with its own prefix."""
    return SettingsConfigDict(env_prefix=prefix, frozen=True, env_ignore_empty=True)
