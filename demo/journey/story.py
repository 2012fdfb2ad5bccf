"""Telling the journey: chapters, steps, amounts, the events that each step caused, and what must be true."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from demo.client import Client
from shared.money import yuan

SERVICES = ("catalog", "order", "payment", "member", "campaign")
PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.1


class Differs(AssertionError):
    """The shop did something else than the story expects."""


class Story:
    """Prints the journey as it happens, and stops it where the shop differs."""

    def __init__(self, merchant: Client, *, since: datetime) -> None:
        self._merchant = merchant
        self._since = since
        self._seen: set[str] = set()
        self._ours: set[str] = set()
        self._cursors: dict[str, str | None] = {}
        self.checks = 0

    def chapter(self, title: str, ids: str) -> None:
        """Begin a chapter; ``ids`` are the requirements it shows."""
        print(f"\n{title}  [{ids}]", flush=True)

    def tell(self, sentence: str) -> None:
        """One thing that happened."""
        print(f"  {sentence}", flush=True)

    def amount(self, label: str, amount_fen: int, note: str = "") -> None:
        """One line of a bill."""
        print(f"      {label:<26}{yuan(amount_fen):>12} yuan  {note}".rstrip(), flush=True)

    def check(self, what: str, found: Any, expected: Any) -> None:
        """Raises Differs unless the two are equal."""
        self.checks += 1
        if found != expected:
            raise Differs(f"{what}: expected {expected!r}, found {found!r}")

    def ours(self, *ids: object) -> None:
        """From now on events that mention these ids belong to the story."""
        self._ours |= {str(each) for each in ids}

    async def eventually(self, what: str, ask: Callable[[], Awaitable[Any]], expected: Any) -> None:
        """Ask until the answer is as expected; raises Differs when it does not become so in 20 s."""
        found = await ask()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while found != expected:
                    await asyncio.sleep(POLL_SECONDS)
                    found = await ask()
        except TimeoutError:
            pass
        self.check(what, found, expected)

    async def events(self, *expected: str) -> list[dict[str, Any]]:
        """Wait for these event types (by class name), and tell all the new events of the story."""
        told: list[dict[str, Any]] = []
        missing = list(expected)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    fresh = await self._fresh_events()
                    told += fresh
                    for event in fresh:
                        if event["name"] in missing:
                            missing.remove(event["name"])
                    if not missing:
                        break
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise Differs(f"these events did not come: {', '.join(missing)}") from None
        self.checks += len(expected)
        told.sort(key=lambda event: event["time"])
        for event in told:
            print(f"      ↳ {event['source']:<9} {event['name']}{_gist(event['data'])}", flush=True)
        return told

    async def _fresh_events(self) -> list[dict[str, Any]]:
        pages = await asyncio.gather(*(self._page(service) for service in SERVICES))
        fresh = []
        for service, items in zip(SERVICES, pages, strict=True):
            for item in items:
                if item["id"] not in self._seen and self._ours & set(_texts(item["data"])):
                    self._seen.add(item["id"])
                    name = "".join(part.capitalize() for part in item["type"].split(".")[:2])
                    fresh.append(item | {"name": name, "source": service})
        return fresh

    async def _page(self, service: str) -> list[dict[str, Any]]:
        """Everything announced since the story began, read on from the last full page."""
        items: list[dict[str, Any]] = []
        while True:
            page = await self._merchant.get(
                f"/operator/events/{service}",
                since=self._since.isoformat(),
                after=self._cursors.get(service),
                limit=100,
            )
            items += page["items"]
            if page["next"] is None:
                return items
            self._cursors[service] = page["next"]


def _gist(data: dict[str, Any]) -> str:
    """The numbers worth telling of an event."""
    told = []
    for name in ("points", "payable_fen", "amount_fen", "refund_fen", "discount_fen"):
        if isinstance(value := data.get(name), int):
            told.append(
                f"{value:+d} points" if name == "points" else f"{name.removesuffix('_fen')} {yuan(value)}"
            )
    told += [f"{data[name]}" for name in ("reason", "to_level") if data.get(name)]
    return f"  ({', '.join(told)})" if told else ""


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
