"""Which reactions there are and what they listen to, as the services declare it."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec

from deploy.layout import PACKAGES, SERVICES


@cache
def subscriptions() -> Mapping[str, frozenset[str]]:
    """The reactions (``catalog.commit-reservation``) that each type of event has.

    Read from the ``reactions`` module of every capability; no app, no worker and no connection is made.
    """
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        package = importlib.import_module(PACKAGES[service])
        for capability in pkgutil.iter_modules(package.__path__, f"{PACKAGES[service]}."):
            if not capability.ispkg or find_spec(f"{capability.name}.reactions") is None:
                continue
            for reaction in importlib.import_module(f"{capability.name}.reactions").reactions.all:
                for type_ in reaction.types:
                    found.setdefault(type_.type, set()).add(reaction.name)
    return {type_: frozenset(names) for type_, names in found.items()}


@cache
def reactions_of(service: str) -> tuple[str, ...]:
    """The names of a service's reactions."""
    names = {name for reactions in subscriptions().values() for name in reactions}
    return tuple(sorted(name for name in names if name.startswith(f"{service}.")))
