"""`python -m benchmarks.generator`: a plan on standard input; says when it is ready, waits for the word, and reports."""

import asyncio
import gc
import json
import sys

from benchmarks.generator.drive import drive
from benchmarks.generator.plans import Plan
from benchmarks.generator.units import KINDS
from shared.process import run


async def generate(plan: Plan) -> None:
    """Prepare, wait, do the work, tell what came of it."""
    work = KINDS[plan["kind"]](plan)
    await work.prepare()
    gc.freeze()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    calls = work.calls
    outcome = await drive(
        work.unit, concurrency=plan["concurrency"], seconds=plan["seconds"], units=plan["units"]
    )
    outcome.calls = work.calls - calls
    outcome.notes = work.notes
    outcome.turned_away += work.turned_away
    print(json.dumps(outcome.told()), flush=True)


def main() -> None:
    """Work on one plan."""
    run(generate(json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
