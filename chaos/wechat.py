"""Faults at WeChat: rules for the simulator, and how often each of them bit."""

import asyncio
from typing import Any

import aiohttp

from chaos.calls import FIRST_PAUSE_SECONDS

TRIES = 20
Rule = dict[str, Any]


class WeChatFaults:
    """Keeps the simulator's rules: new ones come beside those that have not bitten often enough yet."""

    def __init__(self, http: aiohttp.ClientSession, simulator_url: str) -> None:
        self._http = http
        self._url = f"{simulator_url}/_control/faults"
        self._waiting: list[Rule] = []
        self.planned = 0
        self.bitten: dict[str, int] = {}

    async def add(self, rules: list[Rule]) -> None:
        """Have these go wrong too."""
        await self.look()
        self.planned += sum(rule["times"] for rule in rules)
        self._waiting += [dict(rule) for rule in rules]
        await self.look()

    async def look(self) -> None:
        """Learn what has bitten; a simulator that was restarted has forgotten its rules and gets them again."""
        for _ in range(TRIES):
            try:
                await self._look()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            else:
                return

    async def _look(self) -> None:
        async with self._http.get(self._url) as answer:
            shown = (await answer.json())["rules"]
        if len(shown) != len(self._waiting):
            await self._put()
            return
        for rule, said in zip(self._waiting, shown, strict=True):
            bites = said["bitten"]
            action = rule["action"]
            words = [
                rule["match"]["api"],
                action["kind"],
                *(["after the effect"] if action.get("effect") else []),
            ]
            name = " ".join(words)
            self.bitten[name] = self.bitten.get(name, 0) + bites
            rule["times"] -= bites
        self._waiting = [rule for rule in self._waiting if rule["times"] > 0]
        await self._put()

    async def _put(self) -> None:
        async with self._http.put(self._url, json=self._waiting) as answer:
            answer.raise_for_status()
