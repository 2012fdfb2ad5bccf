"""Calls between processes: late, lost, doubled, without an answer, or to somebody who is dead."""

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp

from shared.http.services import Answer, LocalExchange, ServiceUnavailable
from tests.simulation.processes import Killed, Process
from tests.simulation.world import NEVER_SECONDS, World

LONGEST_SECONDS = 3600.0
"""A server works on although its caller has given up."""


class SimulatedExchange:
    """Carries requests to the apps of other processes."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self.services = LocalExchange(apps)
        self.world: World
        self.servers: Mapping[str, Process]

    async def send(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes, *, seconds: float
    ) -> Answer:
        world, server = self.world, self.servers[service]
        words = f"{method} {service}{target.partition('?')[0]}"
        answer: asyncio.Future[Answer] = world.loop.create_future()

        async def serve(*, is_lost: bool, wanders: float = 0.0) -> None:
            try:
                await asyncio.sleep(wanders)
                await world.gate(f"serves {words}")
                said = await self.services.send(
                    service, method, target, headers, body, seconds=LONGEST_SECONDS
                )
                world.note(f"answers {words} with {said.status}")
                await world.gate(f"answers {words}")
            except (Killed, asyncio.CancelledError):
                _set(answer, None)
                raise
            if not is_lost:
                _set(answer, said)

        try:
            async with asyncio.timeout(seconds):
                await world.gate(f"calls {words}")
                if not server.is_alive:
                    raise ServiceUnavailable(headers={"retry-after": "1"}, service=service)
                if world.happens(world.faults.lose_call):
                    server.spawn(serve(is_lost=True, wanders=world.dice.choice((7.0, 30.0, NEVER_SECONDS))))
                else:
                    server.spawn(serve(is_lost=world.happens(world.faults.lose_answer)))
                    if world.happens(world.faults.double):
                        world.note(f"doubled: {words}")
                        server.spawn(serve(is_lost=False))
                said = await answer
                if said is None:
                    raise ServiceUnavailable(headers={"retry-after": "1"}, service=service)
                return said
        except TimeoutError as error:
            world.note(f"no answer: {words}")
            raise ServiceUnavailable(headers={"retry-after": "1"}, service=service) from error


def _set(answer: "asyncio.Future[Answer]", said: Answer | None) -> None:
    """The first answer is the answer; None when the server died."""
    if not answer.done():
        answer.set_result(said)  # type: ignore[arg-type]
