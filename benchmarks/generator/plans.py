"""What a generator is told to do: one plan a round, passed as JSON."""

from typing import Any, Literal, TypedDict


class Plan(TypedDict):
    """`concurrency` workers do the units of a kind, for some seconds or so many of them; `given` is what the kind needs."""

    kind: Literal["replay", "purchase", "rush"]
    host: str
    port: int
    concurrency: int
    seconds: float | None
    units: int | None
    given: dict[str, Any]
