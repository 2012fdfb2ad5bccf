"""What is needed of a shopper by the stories that follow a purchase."""

from random import Random
from typing import Any, Protocol

from chaos.calls import Answer, Send

Body = dict[str, Any]


class Buyer(Protocol):
    """What is needed of a shopper here."""

    random: Random

    async def do(
        self, call: str, request: Body, send: Send, *, key: str | None = None, told: Any = ...
    ) -> Answer:
        """A journalled call."""
        ...

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """One attempt at the shop's front door."""
        ...

    async def journalled(
        self,
        call: str,
        path: str,
        body: Body | None = None,
        *,
        about: Body | None = None,
        keyed: bool = False,
    ) -> Answer:
        """A journalled call of the shopper's own."""
        ...

    async def operate(self, call: str, path: str, body: Body, about: Body) -> Answer:
        """A journalled call of an operator's."""
        ...
