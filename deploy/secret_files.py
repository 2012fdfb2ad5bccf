"""The secrets of a whole platform as files, one a setting: made once, kept ever after (SEC15).

One way for every mode: a shop in one process has them all in one folder, containers have a folder for each service.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.layout import GATEWAY, PACKAGES
from deploy.local.postgres_roles import DatabaseUrls
from shared.crypto import generate_field_keys
from shared.http.identity import generate_keys

MIGRATIONS = "migrations"
KEYRING = "keyring.json"
WITH_FIELD_KEYS = ("member", "order")
RANDOM = {"order_logistics_secret": "order", "gateway_owner_password": GATEWAY}
"""Secrets that are nothing but random, and whose they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """How the services reach their servers; ``settings`` are further settings, ``member_wechat_appid`` and so on."""

    databases: Mapping[str, DatabaseUrls]
    amqp_urls: Mapping[str, str]
    settings: Mapping[str, str]


def write_secrets(keys: Path, place: Callable[[str], Path], connections: Connections) -> None:
    """Write the files of every service into its place, and the owners' database URLs into that of the migrations.

    Keys are made in ``keys`` and random secrets in their places when they are not there yet.
    """
    names = list(PACKAGES)
    keyring = generate_keys(keys, names).read_text()
    for name in names:
        for left_by_another_account in place(name).glob(f"{name}_wechat_*"):
            left_by_another_account.unlink()
        for setting, value in connections.settings.items():
            if setting.startswith(f"{name}_"):
                write(place(name) / setting, value)
        write(place(name) / KEYRING, keyring)
        write(place(name) / identity_key(name), (keys / f"{name}.pem").read_text())
        if name in connections.databases:
            write(place(name) / f"{name}_database_url", connections.databases[name].runtime)
            write(place(MIGRATIONS) / f"{name}_migration_database_url", connections.databases[name].owner)
        if name in connections.amqp_urls:
            write(place(name) / f"{name}_amqp_url", connections.amqp_urls[name])
    for name in WITH_FIELD_KEYS:
        made = keys / f"{name}-fields.json"
        generate_field_keys(made)
        write(place(name) / field_keys(name), made.read_text())
    for setting, name in RANDOM.items():
        if not (place(name) / setting).exists():
            write(place(name) / setting, secrets.token_urlsafe(18))


def identity_key(name: str) -> str:
    """The file with a service's own identity key."""
    return f"{name}_identity_key.pem"


def field_keys(name: str) -> str:
    """The file with the keys that seal a service's personal data."""
    return f"{name}_field_keys.json"


def write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, making its folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
