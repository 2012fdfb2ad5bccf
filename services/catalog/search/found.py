"""What a search found, ready to be given to everybody who searches for the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of results as JSON, and how many results there are in all that fit exactly."""

    body: bytes
    results: int
