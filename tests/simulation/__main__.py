"""`python -m tests.simulation --seed 42 --verbose`: replay a seed; `--seeds 1..500`: run many."""

import argparse
import os
import sys
import tempfile
import time

from tests.simulation.simulation import Outcome, Simulation
from tests.support import servers


def main() -> int:
    """Run what was asked for; 1 when some seed left something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed")
    parser.add_argument("--seeds", type=_seeds, help="many: 1..500")
    parser.add_argument("--verbose", action="store_true", help="tell everything that happens")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else asked.seeds or range(1, 501)
    with tempfile.TemporaryDirectory(prefix="jishi-simulation-run-") as folder:
        os.environ[servers.RUN_VARIABLE] = folder
        try:
            with Simulation() as simulation:
                return _run(simulation, seeds, is_verbose=asked.verbose)
        finally:
            servers.close_run()


def _run(simulation: Simulation, seeds: "range | list[int]", *, is_verbose: bool) -> int:
    began, failed = time.monotonic(), 0
    for seed in seeds:
        outcome = simulation.run(seed)
        if is_verbose:
            print("\n".join(outcome.trace))
        if outcome.violations:
            failed += 1
            print(told(outcome))
    seconds = time.monotonic() - began
    print(
        f"{len(seeds)} seeds in {seconds:.1f} s ({seconds / len(seeds):.3f} s each), {failed} with something wrong"
    )
    return 1 if failed else 0


def told(outcome: Outcome) -> str:
    """What is wrong after a seed, and how to see it again."""
    lines = "\n".join(f"  {each}" for each in outcome.violations)
    return (
        f"seed {outcome.seed}:\n{lines}\n  replay: python -m tests.simulation --seed {outcome.seed} --verbose"
    )


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last) + 1)


if __name__ == "__main__":
    sys.exit(main())
