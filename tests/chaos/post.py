"""The in-process transport, with a postman who loses, doubles and holds back what he is told to."""

import asyncio
from collections.abc import Sequence

from shared.messaging.transport import Pack
from shared.messaging.transports.local import LocalTransport


class Post(LocalTransport):
    """Carries packs, and misbehaves by type of event."""

    def __init__(self) -> None:
        super().__init__()
        self.loses: set[str] = set()
        self.doubles: set[str] = set()
        self.delivered: dict[str, asyncio.Event] = {}

    def behave(self) -> None:
        """From now on nothing goes wrong."""
        self.loses.clear()
        self.doubles.clear()
        self.delivered.clear()

    def delivery_of(self, type_: str) -> asyncio.Event:
        """Set once the next pack of a type was delivered."""
        return self.delivered.setdefault(type_, asyncio.Event())

    async def publish(self, packs: Sequence[Pack]) -> list[bool]:
        return list(await asyncio.gather(*(self._carry(pack) for pack in packs)))

    async def _carry(self, pack: Pack) -> bool:
        if pack.type in self.loses:
            self.loses.remove(pack.type)
            return False
        (is_taken,) = await super().publish([pack])
        if pack.type in self.doubles:
            (is_taken,) = await super().publish([pack])
        if is_taken and pack.type in self.delivered:
            self.delivered[pack.type].set()
        return is_taken
