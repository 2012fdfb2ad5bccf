"""Settings from prefixed environment variables and secret files; an unknown prefixed name stops the start."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

SECRETS_FOLDER = "JISHI_SECRETS_FOLDER"
"""Names the folder with one file a secret, ``order_database_url`` for ``ORDER_DATABASE_URL`` (SEC15)."""


class UnknownSetting(ValueError):
    """An environment variable has a known prefix and an unknown rest: a misspelling, most likely."""


class PrefixedSettings(BaseSettings):
    """Settings that come from prefixed environment variables and from the secret files."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = os.environ.get(SECRETS_FOLDER)
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=folder)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings; raises UnknownSetting for a variable with the prefix that is no field."""
        prefix = str(cls.model_config.get("env_prefix", "")).lower()
        for name in map(str.lower, os.environ):
            if name.startswith(prefix) and name.removeprefix(prefix) not in cls.model_fields:
                raise UnknownSetting(f"{name.upper()} is not a setting; see {cls.__module__}")
        return cls()


class ServiceSettings(PrefixedSettings):
    """What every process of a service is told; a subclass names its prefix: ``model_config = service_config("ORDER_")``.

    ``drain_seconds``: how long an app serves on after it was told to end, where others take over (P16). ``…_kept_days``:
    how long what was announced and heard is kept, and answers under an Idempotency-Key (K8; docs/architecture/data.md).
    """

    model_config = SettingsConfigDict(frozen=True)

    database_url: SecretStr
    migration_database_url: SecretStr | None = None
    database_pool_size: int = 10
    amqp_url: SecretStr = SecretStr("local://")
    host: str = "127.0.0.1"
    port: int = 0
    worker_port: int = 0
    drain_seconds: float = 0
    events_kept_days: int = Field(400, ge=30)
    answers_kept_days: int = Field(30, ge=7)
    identity_key_file: Path
    identity_keyring_file: Path
    service_urls: dict[str, str] = {}
    log_level: str = "INFO"
    trace_sample_ratio: float = 0.01
    otlp_endpoint: str | None = None  # the collector's base URL, as http://collector:4318


class MiniProgramAccount(BaseSettings):
    """The settings of a service that calls the mini-program API (wechat.md 1)."""

    wechat_appid: str
    wechat_app_secret: SecretStr
    wechat_api_url: str = "https://api.weixin.qq.com"


class PayAccount(BaseSettings):
    """The settings of a service that calls WeChat Pay (wechat.md 5.1).

    Either ``wechat_pay_public_keys`` (PEM by ``PUB_KEY_ID_…``), or ``wechat_pay_uses_certificates``, or both while moving
    from the one to the other. ``public_url`` is where WeChat reaches the shop, for notices.
    """

    wechat_appid: str
    wechat_pay_mchid: str
    wechat_pay_serial_no: str
    wechat_pay_private_key: SecretStr
    wechat_pay_apiv3_key: SecretStr
    wechat_pay_public_keys: dict[str, str] = {}
    wechat_pay_uses_certificates: bool = False
    wechat_pay_url: str = "https://api.mch.weixin.qq.com"
    wechat_pay_fallback_url: str = "https://api2.mch.weixin.qq.com"
    public_url: str


def service_config(prefix: str) -> SettingsConfigDict:
    """The pydantic-settings configuration of one service: frozen, with its own prefix."""
    return SettingsConfigDict(env_prefix=prefix, frozen=True, env_ignore_empty=True)
