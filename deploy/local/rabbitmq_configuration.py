"""What a RabbitMQ is told at its start: its port, its users and their reach, no `guest` (SEC15), and who wants which events.

An event counts as sent once one queue has it. So the queues of all services are there before the first of them announces
anything: a worker that comes a moment later than another has missed nothing (P9).
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.messaging.reactions import Reaction
from shared.messaging.transports.rabbitmq import (
    DEAD_LETTERS,
    EXCHANGE,
    GRAVEYARD_ARGUMENTS,
    graveyard_of,
    queue_arguments,
)

VIRTUAL_HOST = "jishi"
WAL_BYTES = 16 * 2**20
"""So much of what quorum queues wrote last is kept in memory; by itself RabbitMQ keeps 512 MB (measured: 284 → 121 MB)."""
EVERYTHING, NOTHING = ".*", "^$"


@dataclass(frozen=True, slots=True)
class User:
    """A user without tags; the expressions name the queues and exchanges it may declare, write to and read from."""

    password: str
    configure: str
    write: str
    read: str


def service_user(name: str, password: str) -> User:
    """A service: the exchanges that all share, and the queues of its own reactions."""
    own = "|".join(re.escape(shared) for shared in (EXCHANGE, DEAD_LETTERS))
    own = rf"^({own}|{re.escape(name)}\..*)$"
    return User(password, own, own, own)


def unlimited_user(name: str, password: str) -> User:
    """Somebody who plays every service at once, as tests do."""
    return User(password, EVERYTHING, EVERYTHING, EVERYTHING)


def watching_user(password: str) -> User:
    """Somebody who only looks how long queues are, as an autoscaler does: that needs no permission."""
    return User(password, NOTHING, NOTHING, NOTHING)


def configuration(*, listener: str, definitions: Path | str) -> str:
    """The text of `rabbitmq.conf`."""
    return (
        f"listeners.tcp.local = {listener}\nload_definitions = {definitions}\nlog.file.level = warning\n"
        f"raft.wal_max_size_bytes = {WAL_BYTES}\n"
    )


def definitions(users: Mapping[str, User], reactions: Iterable[Reaction] = ()) -> str:
    """One virtual host, its users and the queues of reactions, as RabbitMQ's definitions file; the same for the same.

    A node that loads definitions makes no default user, so `guest` never exists.
    """
    return json.dumps(
        {
            "vhosts": [{"name": VIRTUAL_HOST}],
            "users": [
                {
                    "name": name,
                    "password_hash": password_hash(user.password),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "",
                }
                for name, user in users.items()
            ],
            "permissions": [
                {
                    "user": name,
                    "vhost": VIRTUAL_HOST,
                    "configure": user.configure,
                    "write": user.write,
                    "read": user.read,
                }
                for name, user in users.items()
            ],
        }
        | _queues(sorted(reactions, key=lambda reaction: reaction.name)),
        indent=1,
    )


def _queues(reactions: Iterable[Reaction]) -> dict[str, list[dict[str, Any]]]:
    """The queues as their workers declare them, each with its graveyard, and what is bound to them."""
    here = {"vhost": VIRTUAL_HOST}
    lasting = here | {"durable": True, "auto_delete": False}
    exchanges = [
        lasting | {"name": EXCHANGE, "type": "topic"},
        lasting | {"name": DEAD_LETTERS, "type": "direct"},
    ]
    queues, bindings = [], []
    for reaction in reactions:
        name, dead = reaction.name, graveyard_of(reaction.name)
        queues.append(lasting | {"name": name, "arguments": queue_arguments(name)})
        queues.append(lasting | {"name": dead, "arguments": GRAVEYARD_ARGUMENTS})
        wanted = [(EXCHANGE, name, type_.type) for type_ in reaction.types] + [(DEAD_LETTERS, dead, name)]
        bindings += [
            here | {"source": source, "destination": queue, "destination_type": "queue", "routing_key": key}
            for source, queue, key in wanted
        ]
    return {"exchanges": exchanges, "queues": queues, "bindings": bindings} if queues else {}


def password_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256: four bytes of salt, then the digest of salt and password.

    The salt comes from the password, so that the definitions change only when a password does; our passwords are long
    random ones, for which a salt hides nothing.
    """
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def url(user: str, password: str, place: str) -> str:
    """How a service reaches the server at ``host:port``."""
    return f"amqp://{user}:{password}@{place}/{VIRTUAL_HOST}"
