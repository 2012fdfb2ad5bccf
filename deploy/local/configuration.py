"""The settings of a whole platform on one machine: keys and secrets as files, the rest as environment variables."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from deploy.layout import APPS, GATEWAY, PACKAGES, SERVICES, WORKERS
from deploy.local.postgres_roles import DatabaseUrls
from deploy.secret_files import KEYRING, WITH_FIELD_KEYS, Connections, field_keys, identity_key, write_secrets
from deploy.wechat_account import account_settings, simulator_settings
from shared.settings import SECRETS_FOLDER


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
    secret_files = folder / "secrets"
    write_secrets(
        folder / "keys",
        lambda _: secret_files,
        Connections(
            databases=databases,
            amqp_urls={name: amqp_urls.get(name, "local://") for name in PACKAGES},
            settings=account_settings(merchant_folder, public_url=public_url)
            | simulator_settings(simulator_url)
            | {"analytics_facts_url": f"chdb://{folder / 'facts'}"},
        ),
    )
    at = {process.name: process.port for process in (*APPS, *WORKERS)} | dict(ports or {})
    urls = {name: f"http://127.0.0.1:{at[name]}" for name in PACKAGES}
    environment = {SECRETS_FOLDER: str(secret_files)}
    for name in PACKAGES:
        prefix = name.upper()
        environment |= {
            f"{prefix}_IDENTITY_KEY_FILE": str(secret_files / identity_key(name)),
            f"{prefix}_IDENTITY_KEYRING_FILE": str(secret_files / KEYRING),
            f"{prefix}_SERVICE_URLS": json.dumps(urls),
            f"{prefix}_PORT": str(at[name]),
        }
        if name != GATEWAY:
            environment[f"{prefix}_WORKER_PORT"] = str(at[f"{name}-worker"])
    for name in WITH_FIELD_KEYS:
        environment[f"{name.upper()}_FIELD_KEYS_FILE"] = str(secret_files / field_keys(name))
    return environment


def apply(environment: Mapping[str, str]) -> None:
    """Make a platform's environment this process's own (embedded mode and tests)."""
    prefixes = tuple(f"{name.upper()}_" for name in (GATEWAY, *SERVICES))
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]
    os.environ.update(environment)
