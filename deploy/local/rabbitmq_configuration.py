"""What a private RabbitMQ is told at its start: its port, its users, and that there is no `guest` (SEC15)."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

VIRTUAL_HOST = "jishi"


def configuration(*, listener: str, definitions: Path | str) -> str:
    """The text of `rabbitmq.conf`."""
    return f"listeners.tcp.local = {listener}\nload_definitions = {definitions}\nlog.file.level = warning\n"


def definitions(passwords: Mapping[str, str]) -> str:
    """One virtual host and a user without tags for each service, as RabbitMQ's definitions file.

    A node that loads definitions makes no default user, so `guest` never exists.
    """
    return json.dumps(
        {
            "vhosts": [{"name": VIRTUAL_HOST}],
            "users": [
                {
                    "name": name,
                    "password_hash": password_hash(password),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "",
                }
                for name, password in passwords.items()
            ],
            "permissions": [
                {"user": name, "vhost": VIRTUAL_HOST, "configure": ".*", "write": ".*", "read": ".*"}
                for name in passwords
            ],
        },
        indent=1,
    )


def password_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256: four bytes of salt, then the digest of salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def url(user: str, password: str, port: int) -> str:
    """How a service reaches the server."""
    return f"amqp://{user}:{password}@127.0.0.1:{port}/{VIRTUAL_HOST}"
