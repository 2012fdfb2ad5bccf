"""Which reactions there are and what they listen to, as the services declare it."""

from collections.abc import Mapping
from functools import cache

from deploy.reactions import all_reactions


@cache
def subscriptions() -> Mapping[str, frozenset[str]]:
    """The reactions (``catalog.commit-reservation``) that each type of event has."""
    found: dict[str, set[str]] = {}
    for reaction in all_reactions():
        for type_ in reaction.types:
            found.setdefault(type_.type, set()).add(reaction.name)
    return {type_: frozenset(names) for type_, names in found.items()}


@cache
def reactions_of(service: str) -> tuple[str, ...]:
    """The names of a service's reactions."""
    names = {name for reactions in subscriptions().values() for name in reactions}
    return tuple(sorted(name for name in names if name.startswith(f"{service}.")))
