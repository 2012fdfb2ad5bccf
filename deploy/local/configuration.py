"""The settings of a whole platform on one machine: keys and secrets as files, the rest as environment variables."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.layout import APPS, GATEWAY, PACKAGES, SERVICES, WORKERS
from deploy.local.postgres_roles import DatabaseUrls
from shared.crypto import generate_field_keys
from shared.http.identity import generate_keys
from shared.settings import SECRETS_FOLDER

WITH_FIELD_KEYS = ("member", "order")
WITH_MINI_PROGRAM = ("member", "order")


def configure(
    folder: Path,
    *,
    databases: Mapping[str, DatabaseUrls],
    amqp_urls: Mapping[str, str],
    merchant_folder: Path,
    simulator_url: str,
    public_url: str,
    ports: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Write keys and secrets below ``folder`` and return the environment of every process.

    ``merchant_folder`` holds the simulator's ``merchant.json``; ``amqp_urls`` name each service's broker user, or
    nothing for the in-process transport; ``ports`` replaces the usual port of a process.
    """
    names = list(PACKAGES)
    keyring = generate_keys(folder / "keys", names)
    secret_files = folder / "secrets"
    secret_files.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = {process.name: process.port for process in (*APPS, *WORKERS)} | dict(ports or {})
    urls = {name: f"http://127.0.0.1:{at[name]}" for name in names}
    merchant = json.loads((merchant_folder / "merchant.json").read_text())
    environment = {SECRETS_FOLDER: str(secret_files)}
    for name in names:
        prefix = name.upper()
        if name in databases:
            _write(secret_files / f"{name}_database_url", databases[name].runtime)
            _write(secret_files / f"{name}_migration_database_url", databases[name].owner)
        _write(secret_files / f"{name}_amqp_url", amqp_urls.get(name, "local://"))
        environment |= {
            f"{prefix}_IDENTITY_KEY_FILE": str(folder / "keys" / f"{name}.pem"),
            f"{prefix}_IDENTITY_KEYRING_FILE": str(keyring),
            f"{prefix}_SERVICE_URLS": json.dumps(urls),
            f"{prefix}_PORT": str(at[name]),
        }
        if name != GATEWAY:
            environment[f"{prefix}_WORKER_PORT"] = str(at[f"{name}-worker"])
    for name in WITH_FIELD_KEYS:
        keys_file = folder / "keys" / f"{name}-fields.json"
        generate_field_keys(keys_file)
        environment[f"{name.upper()}_FIELD_KEYS_FILE"] = str(keys_file)
    for name in WITH_MINI_PROGRAM:
        environment[f"{name.upper()}_WECHAT_APPID"] = merchant["appid"]
        environment[f"{name.upper()}_WECHAT_API_URL"] = simulator_url
        _write(secret_files / f"{name}_wechat_app_secret", merchant["app_secret"])
    environment |= _pay_account(merchant, merchant_folder, simulator_url, public_url)
    _write(
        secret_files / "payment_wechat_pay_private_key",
        (merchant_folder / merchant["merchant_private_key_file"]).read_text(),
    )
    _write(secret_files / "payment_wechat_pay_apiv3_key", merchant["apiv3_key"])
    environment["ORDER_WECHAT_PAY_MCHID"] = merchant["mchid"]
    _once(secret_files / "order_logistics_secret")
    _once(secret_files / "gateway_owner_password")
    environment["ANALYTICS_FACTS_URL"] = f"chdb://{folder / 'facts'}"
    return environment


def _pay_account(
    merchant: dict[str, Any], merchant_folder: Path, simulator_url: str, public_url: str
) -> dict[str, str]:
    public_key = (merchant_folder / merchant["platform_public_key_file"]).read_text()
    return {
        "PAYMENT_WECHAT_APPID": merchant["appid"],
        "PAYMENT_WECHAT_PAY_MCHID": merchant["mchid"],
        "PAYMENT_WECHAT_PAY_SERIAL_NO": merchant["merchant_serial_no"],
        "PAYMENT_WECHAT_PAY_PUBLIC_KEYS": json.dumps({merchant["platform_public_key_id"]: public_key}),
        "PAYMENT_WECHAT_PAY_USES_CERTIFICATES": "true",
        "PAYMENT_WECHAT_PAY_URL": simulator_url,
        "PAYMENT_WECHAT_PAY_FALLBACK_URL": simulator_url,
        "PAYMENT_PUBLIC_URL": public_url,
    }


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _once(path: Path) -> None:
    if not path.exists():
        _write(path, secrets.token_urlsafe(18))


def apply(environment: Mapping[str, str]) -> None:
    """Make a platform's environment this process's own (embedded mode and tests)."""
    prefixes = tuple(f"{name.upper()}_" for name in (GATEWAY, *SERVICES))
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]
    os.environ.update(environment)
