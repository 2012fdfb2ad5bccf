"""`python -m chaos`: break a shop while shoppers buy; exits with 1 when anything was lost, or when no fault hurt."""

import argparse
import logging
import shutil
import sys
from datetime import datetime
from pathlib import Path
from random import SystemRandom

from chaos.report import text
from chaos.run import Options, run_chaos
from chaos.schedule import SIZES, Mode
from deploy.local.commands import run_command
from deploy.local.home import PROJECT

RUNS = PROJECT / ".jishi-chaos"
PORT = 9180


def main() -> None:
    """Run once and say what came of it."""
    options = _options()
    for client in ("aio_pika", "aiormq"):  # a broker that goes away is no news here
        logging.getLogger(client).setLevel(logging.CRITICAL)
    report = run_command(run_chaos(options))
    print(f"\n{text(report)}\n  everything is in {options.folder}", flush=True)
    if report.is_passed:
        shutil.rmtree(options.folder / "shop", ignore_errors=True)
    sys.exit(0 if report.is_passed else 1)


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--mode", choices=list(Mode), type=Mode, default=Mode.FULL)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument(
        "--port", type=int, default=PORT, help="the gateway's; all others keep their distance"
    )
    parser.add_argument("--folder", type=Path, help="where to keep the run")
    given = parser.parse_args()
    if SIZES[given.size].rolls and given.mode is not Mode.FULL:
        parser.error("only the full mode has processes that can be replaced")
    name = f"{datetime.now():%y%m%d-%H%M%S}-{given.mode}-{given.size}-{given.seed}"
    return Options(
        seed=given.seed,
        size=SIZES[given.size],
        mode=given.mode,
        folder=(given.folder or RUNS / name).absolute(),
        port=given.port,
    )


if __name__ == "__main__":
    main()
