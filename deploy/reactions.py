"""Every reaction of every service, as the services declare it."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec

from deploy.layout import PACKAGES, SERVICES
from shared.messaging.reactions import Reaction


def all_reactions() -> Iterator[Reaction]:
    """Read from the ``reactions`` module of every capability; no app, no worker and no connection is made."""
    for service in SERVICES:
        package = importlib.import_module(PACKAGES[service])
        for capability in pkgutil.iter_modules(package.__path__, f"{PACKAGES[service]}."):
            if capability.ispkg and find_spec(f"{capability.name}.reactions") is not None:
                yield from importlib.import_module(f"{capability.name}.reactions").reactions.all
