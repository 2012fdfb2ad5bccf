"""Carries out the schedule as orders are placed, each fault at the moment when it hurts."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from chaos.calls import Tally
from chaos.journal import Journal
from chaos.platforms import Platform
from chaos.proxies.postgres import CommitCut, CommitCuts
from chaos.schedule import Fault, Kind
from chaos.wechat import WeChatFaults

BUSY_WITHIN_SECONDS = 6.0
"""How long a kill waits for the process to have work in flight."""

LOOK_SECONDS = 0.002
READY_WITHIN_SECONDS = 120.0
STARTED_WITHIN_SECONDS = (0.3, 1.5)
EVIDENCE_WITHIN_SECONDS = 10.0

OF_A_PROCESS = (Kind.KILL, Kind.KILL_AT_COMMIT, Kind.ROLL)
"""Faults that wait for each other only where they are of the same process."""

Act = Callable[[Fault], Awaitable[None]]


@dataclass(slots=True)
class Executed:
    """A fault that was carried out, and whether it hurt: `evidence` says what was in flight, or was lost."""

    fault: Fault
    evidence: dict[str, Any]
    is_bitten: bool


class Saboteur:
    """Waits for the order counts of the schedule."""

    def __init__(
        self,
        platform: Platform,
        faults: Sequence[Fault],
        *,
        wechat: WeChatFaults,
        journal: Journal,
        tally: Tally,
        seed: int,
        acts: Mapping[Kind, Act],
    ) -> None:
        self._platform = platform
        self._left = list(faults)
        self._wechat = wechat
        self._journal = journal
        self._tally = tally
        self._random = Random(f"{seed}/saboteur")
        self._acts = acts
        self._one_at_a_time: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._under_way: set[asyncio.Task[None]] = set()
        self.executed: list[Executed] = []

    def placed(self, orders: int) -> None:
        """So many orders have been placed."""
        while self._left and self._left[0].at_order <= orders:
            self._under_way.add(asyncio.create_task(self._carry_out(self._left.pop(0))))

    async def finish(self) -> None:
        """Wait for what is under way; raises what went wrong with the harness."""
        await asyncio.gather(*self._under_way)

    async def _carry_out(self, fault: Fault) -> None:
        async with self._one_at_a_time[fault.target if fault.kind in OF_A_PROCESS else fault.kind]:
            match fault.kind:
                case Kind.KILL:
                    await self._kill(fault)
                case Kind.KILL_AT_COMMIT:
                    await self._kill_at_commit(fault)
                case Kind.RESTART_DATABASE:
                    await self._restart(fault, lambda: self._platform.restart_database(fault.how["way"]))
                case Kind.WECHAT:
                    await self._note(fault)
                    await self._wechat.add(fault.how["rules"])
                case _:
                    await self._restart(fault, lambda: self._acts[fault.kind](fault))

    async def _kill(self, fault: Fault) -> None:
        target = fault.target
        if fault.how["starting"]:
            await asyncio.sleep(self._random.uniform(*STARTED_WITHIN_SECONDS))
        else:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                await self._platform.ready(target)
        in_flight = await self._until_busy(target) if not fault.how["starting"] else 0
        lost_before = self._tally.unknown.total()
        if self._platform.takes_wechat_along:
            await self._wechat.look()
            self._under_way.add(asyncio.create_task(self._remind_wechat(target)))
        await self._platform.kill(target, with_database=fault.how["with_database"])
        await self._note(fault)
        lost = await self._until_lost(lost_before) if not in_flight else 0
        evidence = {"in_flight": in_flight, "starting": fault.how["starting"], "calls_lost": lost}
        self.executed.append(Executed(fault, evidence, bool(in_flight or lost or fault.how["starting"])))

    async def _kill_at_commit(self, fault: Fault) -> None:
        """Kill the process when a COMMIT of a service has arrived and its answer has not."""
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            await self._platform.ready(fault.target)
        await self._wechat.look()
        is_unheard = await self._until_unheard(self._platform.database_wires[fault.how["way"]].cuts)
        self._under_way.add(asyncio.create_task(self._remind_wechat(fault.target)))
        await self._platform.kill(fault.target, with_database=False)
        await self._note(fault)
        self.executed.append(Executed(fault, {"unheard": is_unheard}, is_unheard))

    async def _remind_wechat(self, target: str) -> None:
        """Give a simulator that was started again its rules again."""
        await asyncio.sleep(1)
        await self._platform.ready(target)
        await self._wechat.look()

    async def _until_busy(self, target: str) -> int:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_WITHIN_SECONDS
        while not (busy := self._platform.busy(target)) and loop.time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
        return busy

    async def _until_unheard(self, cuts: CommitCuts) -> bool:
        """Have the next COMMIT's answer kept back; whether there was one in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_WITHIN_SECONDS
        before = cuts.done.count(CommitCut.UNHEARD)
        cuts.armed.append(CommitCut.UNHEARD)
        while cuts.done.count(CommitCut.UNHEARD) == before:
            if loop.time() > deadline:
                cuts.armed.remove(CommitCut.UNHEARD)
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _until_lost(self, before: int) -> int:
        """How many calls stayed without an answer soon after a kill, when nothing was seen in flight."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + EVIDENCE_WITHIN_SECONDS
        while self._tally.unknown.total() == before and loop.time() < deadline:
            await asyncio.sleep(0.05)
        return self._tally.unknown.total() - before

    async def _restart(self, fault: Fault, restart: Callable[[], Awaitable[None]]) -> None:
        in_flight = self._tally.in_flight
        await self._note(fault)
        await restart()
        self.executed.append(Executed(fault, {"calls_in_flight": in_flight}, in_flight > 0))

    async def _note(self, fault: Fault) -> None:
        await self._journal.fault(
            len(self.executed) + 1,
            {"kind": fault.kind, "target": fault.target, "at_order": fault.at_order, **fault.how},
        )
