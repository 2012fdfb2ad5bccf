"""What will go wrong, decided before the run: each fault comes when so many orders have been placed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

from chaos.proxies.postgres import CommitCut
from chaos.proxies.rabbitmq import AckCut
from deploy.layout import PROCESSES, SERVICES

SCHEDULE_FILE = "schedule.json"
EMBEDDED = "jishi"
"""The one process of the embedded mode."""

COMMIT_CUTS = (CommitCut.BEFORE, CommitCut.AFTER)

WORKING = ("member", "analytics", "campaign", "catalog", "payment", "order")
"""In whose COMMIT the embedded process dies, in turn; first those that mostly react to what the others announced."""

EMBEDDED_KILLS = 4
"""At least: there is only one process to kill."""

QUIET_SHARE = 0.03
"""The run's first and last orders see no kills: faults need load before and after them."""

TOGETHER = (1, 1, 2, 3, 5)
"""How many processes die at the same moment."""

SOON_AGAIN = 0.1
"""How often a killed process is killed again while it starts."""


class Mode(StrEnum):
    """A process for each part with a broker between them, or everything in one process."""

    FULL = "full"
    EMBEDDED = "embedded"


class Kind(StrEnum):
    """What the harness does."""

    KILL = "kill"
    KILL_AT_COMMIT = "kill-at-commit"
    ROLL = "roll"
    RESTART_BROKER = "restart-broker"
    RESTART_DATABASE = "restart-database"
    CUT_COMMIT = "cut-commit"
    CUT_ACK = "cut-ack"
    CUT_DATABASE = "cut-database"
    WECHAT = "wechat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is ordered and broken (reliability.md section 1); the cuts are per service, kills and rolls per process."""

    name: str
    orders: int
    shoppers_at_once: int
    kills: int
    broker_restarts: int
    database_restarts: int
    commit_cuts: int
    ack_cuts: int
    wechat_rounds: int
    doubled_percent: int
    rolls: int = 0
    """How often each process is replaced as a rolling update does it: nobody may notice (P16)."""


SIZES = {
    size.name: size
    for size in (
        Size(
            name="tiny",
            orders=150,
            shoppers_at_once=10,
            kills=1,
            broker_restarts=1,
            database_restarts=1,
            commit_cuts=2,
            ack_cuts=2,
            wechat_rounds=3,
            doubled_percent=20,
        ),
        Size(
            name="small",
            orders=1_000,
            shoppers_at_once=10,
            kills=5,
            broker_restarts=1,
            database_restarts=1,
            commit_cuts=10,
            ack_cuts=10,
            wechat_rounds=10,
            doubled_percent=10,
        ),
        Size(
            name="full",
            orders=20_000,
            shoppers_at_once=20,
            kills=30,
            broker_restarts=5,
            database_restarts=3,
            commit_cuts=60,
            ack_cuts=60,
            wechat_rounds=100,
            doubled_percent=5,
        ),
        Size(
            name="deploy",
            orders=200,
            shoppers_at_once=5,
            kills=0,
            broker_restarts=0,
            database_restarts=0,
            commit_cuts=0,
            ack_cuts=0,
            wechat_rounds=0,
            doubled_percent=0,
            rolls=1,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong once `at_order` orders have been placed; `how` depends on the kind."""

    at_order: int
    kind: Kind
    target: str
    how: dict[str, Any]


def plan(seed: int, size: Size, mode: Mode) -> list[Fault]:
    """The faults of a run in their order; the same for the same seed, size and mode."""
    random = Random(f"{seed}/{size.name}/{mode}")
    faults = [*_kills(random, size, mode), *_wechat(random, size)]
    faults += _moments(
        random, size, size.database_restarts, Kind.RESTART_DATABASE, "postgresql", ("kill", "stop")
    )
    for service in SERVICES:
        faults += _moments(random, size, size.commit_cuts, Kind.CUT_COMMIT, service, COMMIT_CUTS)
        faults += _moments(random, size, -(-size.commit_cuts // 10), Kind.CUT_DATABASE, service, ("all",))
    if mode is Mode.FULL:
        faults += _moments(
            random, size, size.broker_restarts, Kind.RESTART_BROKER, "rabbitmq", ("kill", "stop")
        )
        for service in SERVICES:
            faults += _moments(random, size, size.ack_cuts, Kind.CUT_ACK, service, tuple(AckCut))
        for process in PROCESSES:
            faults += _moments(random, size, size.rolls, Kind.ROLL, process.name, ("sigterm",))
    else:
        faults += _moments(random, size, size.ack_cuts, Kind.KILL_AT_COMMIT, EMBEDDED, WORKING)
    return sorted(faults, key=lambda fault: (fault.at_order, fault.kind, fault.target))


def write_schedule(folder: Path, faults: Sequence[Fault], *, seed: int, size: Size, mode: Mode) -> None:
    """Write the schedule of a run into its folder."""
    schedule = {
        "seed": seed,
        "mode": mode,
        "size": asdict(size),
        "faults": [asdict(fault) for fault in faults],
    }
    (folder / SCHEDULE_FILE).write_text(json.dumps(schedule, indent=1) + "\n")


def _kills(random: Random, size: Size, mode: Mode) -> Iterator[Fault]:
    """Every process dies `kills` times; often several at once, and sometimes one again while it starts."""
    names = [process.name for process in PROCESSES] if mode is Mode.FULL else [EMBEDDED]
    kills = size.kills if mode is Mode.FULL else max(size.kills, EMBEDDED_KILLS)
    left = dict.fromkeys(names, kills) if kills else {}
    while left:
        at_order = _moment(random, size)
        for name in random.sample(sorted(left), k=min(len(left), random.choice(TOGETHER))):
            is_again = left[name] > 1 and random.random() < SOON_AGAIN
            for after_ready in (True, False)[: 2 if is_again else 1]:
                how = {
                    "with_database": mode is Mode.EMBEDDED and random.random() < 0.5,
                    "starting": not after_ready,
                }
                yield Fault(at_order=at_order, kind=Kind.KILL, target=name, how=how)
                left[name] -= 1
            if not left[name]:
                del left[name]


def _moments(
    random: Random, size: Size, times: int, kind: Kind, target: str, ways: Sequence[str]
) -> Iterator[Fault]:
    first = random.randrange(len(ways))
    for number in range(times):
        way = str(ways[(first + number) % len(ways)])
        yield Fault(at_order=_moment(random, size), kind=kind, target=target, how={"way": way})


def _wechat(random: Random, size: Size) -> Iterator[Fault]:
    """Rounds of rules for the simulator; each bites the next calls or notices that fit (`simulator/faults.py`)."""
    for _ in range(size.wechat_rounds):
        rules = random.sample(WECHAT_RULES, k=8)
        yield Fault(at_order=_moment(random, size), kind=Kind.WECHAT, target="wechat", how={"rules": rules})


def _moment(random: Random, size: Size) -> int:
    return random.randint(int(size.orders * QUIET_SHARE), int(size.orders * (1 - QUIET_SHARE)))


def _notice(times: int, **action: Any) -> dict[str, Any]:
    return {"match": {"api": "notice"}, "times": times, "action": action}


def _call(api: str, times: int, **action: Any) -> dict[str, Any]:
    return {"match": {"api": api}, "times": times, "action": action}


WECHAT_RULES: tuple[dict[str, Any], ...] = (
    _notice(2, kind="delay", seconds=8),
    _notice(3, kind="lose"),
    _notice(3, kind="duplicate", copies=3),
    _notice(2, kind="duplicate", copies=2, new_id=True),
    _notice(2, kind="concurrent", copies=5),
    _notice(2, kind="forge"),
    _notice(1, kind="probe"),
    _notice(1, kind="replay"),
    _notice(1, kind="wrong_serial"),
    _notice(1, kind="foreign_apiv3_key"),
    _call("prepay", 2, kind="error", status=500, code="SYSTEM_ERROR"),
    _call("prepay", 2, kind="error", status=500, code="SYSTEM_ERROR", effect=True),
    _call("prepay", 1, kind="hang", effect=True),
    _call("prepay", 1, kind="reset", effect=True),
    _call("prepay", 1, kind="bad_signature"),
    _call("prepay", 1, kind="truncated"),
    _call("query", 3, kind="error", status=500, code="SYSTEM_ERROR"),
    _call("query", 1, kind="hang"),
    _call("close", 2, kind="error", status=500, code="SYSTEM_ERROR"),
    _call("close", 2, kind="error", status=500, code="SYSTEM_ERROR", effect=True),
    _call("close", 1, kind="reset", effect=True),
    _call("refund", 2, kind="error", status=500, code="SYSTEM_ERROR"),
    _call("refund", 2, kind="error", status=500, code="SYSTEM_ERROR", effect=True),
    _call("refund", 1, kind="hang", effect=True),
    _call("refund", 1, kind="truncated"),
    _call("refund_query", 1, kind="error", status=500, code="SYSTEM_ERROR"),
    _call("login", 2, kind="errcode", errcode=-1),
    _call("login", 1, kind="reset"),
)
