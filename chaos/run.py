"""One run: a shop of its own, shoppers, faults, rest, and the judgement."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from chaos.calls import CALL_SECONDS, Actor, Door, Tally
from chaos.checker import check
from chaos.doubling import Doubling
from chaos.embedded import EmbeddedPlatform, embedded_platform
from chaos.full import FullPlatform, full_platform
from chaos.goods import stock_the_shop
from chaos.journal import Journal
from chaos.observation import observe
from chaos.platforms import Platform, made
from chaos.proxies.postgres import CommitCut
from chaos.proxies.rabbitmq import AckCut
from chaos.report import Bites, Report, availability, count_faults, judge, times_back
from chaos.rest import NeverAtRest, until_at_rest
from chaos.saboteur import Act, Saboteur
from chaos.schedule import COMMIT_CUTS, Fault, Kind, Mode, Size, plan, write_schedule
from chaos.shoppers import Market, Shopper
from chaos.wechat import WeChatFaults
from deploy.local.home import PROJECT
from shared.http.connections import KEPT_ALIVE_SECONDS

SAY_EVERY_SECONDS = 10.0
STUCK_SECONDS = 120.0
REST_SECONDS = 240.0
QUICK_WECHAT = {
    "refund_interval_seconds": 1.0,
    "refund_settles_after_seconds": 0.3,
    "logins_per_minute": 10_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is to be."""

    seed: int
    size: Size
    mode: Mode
    folder: Path
    port: int


@dataclass(slots=True)
class Clock:
    """How long each part of a run took."""

    began: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)

    def lap(self, what: str) -> None:
        """A part has ended."""
        now = time.monotonic()
        self.seconds[what] = round(now - self.began, 1)
        self.began = now


async def run_chaos(options: Options) -> Report:
    """Run, and judge; everything is kept in the run's folder."""
    report = Report(seed=options.seed, mode=options.mode, size=options.size.name)
    clock, tally = Clock(), Tally()
    faults = plan(options.seed, options.size, options.mode)
    write_schedule(made(options.folder), faults, seed=options.seed, size=options.size, mode=options.mode)
    print(
        f"Chaos, {options.mode} mode, {options.size.orders} orders, seed {options.seed}: {options.folder}",
        flush=True,
    )
    journal = Journal(options.folder)
    async with _platform(options) as platform, _http() as http:
        clock.lap("start")
        door = Door(http, platform.url, platform.simulator_url, journal, platform.outages, tally)
        operator = await _operator(door, platform)
        await _set_wechat(http, platform)
        goods = await stock_the_shop(operator, orders=options.size.orders)
        await until_at_rest(platform, seconds=REST_SECONDS, say=_say)
        began_at = datetime.now(UTC)
        opening = await observe(operator, sku_ids=goods.sku_ids, members={}, began_at=began_at)
        _write(options.folder / "opening.json", opening)
        clock.lap("stock")
        wechat = WeChatFaults(http, platform.simulator_url)
        saboteur = Saboteur(
            platform,
            faults,
            wechat=wechat,
            journal=journal,
            tally=tally,
            seed=options.seed,
            acts=_acts(platform, report),
        )
        market = Market(door, goods, operator.token or "", options.size.orders, options.seed, saboteur.placed)
        doubling = _doubling(platform, options)
        load_began = time.monotonic()
        await _shop(market, options.size.shoppers_at_once, saboteur, report)
        load_ended = time.monotonic()
        await saboteur.finish()
        clock.lap("load")
        await wechat.look()
        try:
            await until_at_rest(platform, seconds=REST_SECONDS, say=_say)
        except NeverAtRest as error:
            report.failures.append(f"the shop does not come to rest: {error}")
        clock.lap("rest")
        observed = await observe(operator, sku_ids=goods.sku_ids, members=market.members, began_at=began_at)
        _write(options.folder / "observed.json", observed)
        requests = Counter(f"{each['kind']} {each['status']}" for each in observed["after_sales"])
        report.evidence["after_sales"] = dict(requests.most_common())
        async with http.get(f"{platform.simulator_url}/_control/books") as answer:
            _write(options.folder / "books.json", await answer.json())
        clock.lap("observe")
        door.is_over = True
        if doubling is not None:
            doubling[1].cancel()
        _tell(report, platform, faults, saboteur, wechat, market, doubling[0] if doubling else None)
        report.evidence["share_of_load_with_outage"] = round(
            platform.outages.share(load_began, load_ended), 2
        )
    journal.close()
    clock.lap("stop")
    report.findings = [asdict(finding) for finding in check(options.folder)]
    clock.lap("check")
    report.audit = await _audit(options.folder)
    clock.lap("audit")
    report.seconds = clock.seconds
    judge(report, options.size)
    report.write(options.folder)
    return report


async def _audit(folder: Path) -> dict[str, Any]:
    """What `make audit` says of the shop at rest; its exit code is 2 where it could not look."""
    arguments = ("--rest", "--json", "--from-scratch", "--checkpoint", str(folder / "audit.json"))
    audit = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "audit", *arguments),
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "JISHI_HOME": str(folder / "shop"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await audit.communicate()
    found: dict[str, Any] = (
        json.loads(said) if audit.returncode in (0, 1) else {"exit_code": audit.returncode}
    )
    return {name: found[name] for name in ("exit_code", "violations") if name in found}


async def _shop(market: Market, at_once: int, saboteur: Saboteur, report: Report) -> None:
    """Shoppers come and go until there were enough orders; one line of progress every 10 seconds."""
    numbers = count(1)

    async def come_and_go() -> None:
        while not market.is_enough:
            await Shopper(market, next(numbers)).live()

    crowd = [asyncio.create_task(come_and_go()) for _ in range(at_once)]
    everything = asyncio.gather(*crowd)
    began = said = moved = time.monotonic()
    placed = 0
    while not everything.done():
        await asyncio.wait([everything], timeout=1)
        now = time.monotonic()
        if market.placed != placed:
            placed, moved = market.placed, now
        if now - said >= SAY_EVERY_SECONDS:
            said = now
            _say(
                f"{placed}/{market.orders} orders ({placed / (now - began):.1f}/s), "
                f"{len(saboteur.executed)} faults, {market.door.tally.unknown.total()} calls repeated"
            )
        if now - moved > STUCK_SECONDS:
            everything.cancel()
            report.failures.append(f"no order was placed for {STUCK_SECONDS:.0f} s")
            break
    with suppress(asyncio.CancelledError):
        await everything
    while market.later:
        done, market.later = market.later, set()
        await asyncio.gather(*done)


def _acts(platform: Platform, report: Report) -> dict[Kind, Act]:
    """What is done to the wires, and to the broker where there is one."""

    async def cut_commit(fault: Fault) -> None:
        platform.database_wires[fault.target].cuts.armed.append(CommitCut(fault.how["way"]))

    async def cut_database(fault: Fault) -> None:
        platform.database_wires[fault.target].wire.cut()

    on_databases: dict[Kind, Act] = {Kind.CUT_COMMIT: cut_commit, Kind.CUT_DATABASE: cut_database}
    if not isinstance(platform, FullPlatform):
        return on_databases

    async def cut_ack(fault: Fault) -> None:
        platform.broker_wires[fault.target].traffic.armed.append(AckCut(fault.how["way"]))

    async def restart_broker(fault: Fault) -> None:
        await platform.restart_broker(fault.how["way"])

    async def roll(fault: Fault) -> None:
        code = await platform.roll(fault.target)
        if code:
            report.failures.append(f"{fault.target} was told to end and ended with {code}")

    return {
        **on_databases,
        Kind.CUT_ACK: cut_ack,
        Kind.RESTART_BROKER: restart_broker,
        Kind.ROLL: roll,
    }


def _doubling(platform: Platform, options: Options) -> tuple[Doubling, "asyncio.Task[None]"] | None:
    if not isinstance(platform, FullPlatform) or not options.size.doubled_percent:
        return None
    doubling = Doubling(platform.broker_url, options.size.doubled_percent, Random(f"{options.seed}/doubling"))
    return doubling, asyncio.create_task(doubling.run())


def _tell(
    report: Report,
    platform: Platform,
    faults: list[Fault],
    saboteur: Saboteur,
    wechat: WeChatFaults,
    market: Market,
    doubling: Doubling | None,
) -> None:
    tally = market.door.tally
    commits = [wire.cuts for wire in platform.database_wires.values()]
    done = sum(cut in COMMIT_CUTS for each in commits for cut in each.done)
    cuts = {Kind.CUT_COMMIT: (done + sum(len(each.armed) for each in commits), done)}
    if isinstance(platform, FullPlatform):
        acks = [wire.traffic for wire in platform.broker_wires.values()]
        done = sum(len(each.done) for each in acks)
        cuts[Kind.CUT_ACK] = (done + sum(len(each.armed) for each in acks), done)
        report.evidence["redelivered"] = sum(traffic.redelivered for traffic in acks)
        report.evidence["delivered"] = sum(traffic.delivered for traffic in acks)
    report.orders = market.placed
    report.evidence["sent_at_once"] = tally.at_once.total()
    report.evidence["told_in_progress"] = tally.in_progress
    report.calls = dict(sorted(tally.statuses.items()))
    report.unknown = dict(tally.unknown.most_common())
    report.faults, report.kills_bitten = count_faults(faults, saboteur.executed, cuts)
    report.faults["wechat"] = Bites(
        planned=wechat.planned, executed=wechat.planned, bitten=sum(wechat.bitten.values())
    )
    report.evidence["wechat"] = wechat.bitten
    report.evidence["refused_by_service"] = dict(tally.unknown_by_service)
    if doubling is not None:
        report.evidence["doubled"] = doubling.doubled
    report.back_seconds = times_back(platform.outages)
    report.ended_by_themselves = [
        f"{outage.part} ({outage.cause})" for outage in platform.outages.all if not outage.is_ours
    ]
    report.availability = availability(tally.checkouts, platform.outages)


@asynccontextmanager
async def _platform(options: Options) -> AsyncIterator[FullPlatform | EmbeddedPlatform]:
    shop = options.folder / "shop"
    if options.mode is Mode.FULL:
        async with full_platform(shop, port=options.port, is_rolling=options.size.rolls > 0) as full:
            yield full
    else:
        async with embedded_platform(shop, port=options.port) as embedded:
            yield embedded


@asynccontextmanager
async def _http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        yield http


async def _operator(door: Door, platform: Platform) -> Actor:
    operator = Actor(door, "operator", Random(0))
    body = {"username": "owner", "password": platform.owner_password}
    answer = await operator.ask("POST", "/operator/auth/login", body)
    operator.token = answer.body["token"]
    return operator


async def _set_wechat(http: aiohttp.ClientSession, platform: Platform) -> None:
    """Days become seconds where WeChat only waits."""
    async with http.put(f"{platform.simulator_url}/_control/rules", json=QUICK_WECHAT) as answer:
        answer.raise_for_status()


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n")


def _say(sentence: str) -> None:
    print(f"  {sentence}", flush=True)
