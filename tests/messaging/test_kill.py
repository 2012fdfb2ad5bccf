"""A real kill -9, at any moment, loses nothing and doubles nothing (P1, design.md section 2)."""

import asyncio
import random
import sys
from asyncio.subprocess import Process
from collections import Counter

from tests.messaging.lines import Line, nothing, until


async def a_mortal_worker(line: Line) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.messaging.mortal",
        line.engine.url.render_as_string(hide_password=False),
        line.amqp_url or "",
        line.service,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def test_a_process_killed_again_and_again_in_the_middle_of_a_backlog(line: Line) -> None:
    seed = random.Random(11)
    ids = []
    for _ in range(3):
        ids += await line.announce(2_000)
        before = await how_many(line)

        async def has_begun(before: int = before) -> bool:
            return await how_many(line) > before

        process = await a_mortal_worker(line)
        await until(has_begun, seconds=30)
        await asyncio.sleep(seed.random() / 5)
        process.kill()
        await process.wait()
    async with line.working(line.reaction(nothing)):
        await line.all_sent(seconds=30)

        async def are_all_applied() -> bool:
            return await how_many(line) >= len(ids)

        await until(are_all_applied, seconds=30)

        async def none_is_stalled() -> bool:
            return await line.stalled() == []

        await until(none_is_stalled)
    assert await line.effects() == Counter(ids)


async def how_many(line: Line) -> int:
    """How often something took effect."""
    return int((await line.rows("SELECT count(*) FROM effects"))[0][0])
