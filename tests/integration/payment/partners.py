"""What the tests of profit sharing say: a rule with a partner and a person, shared payments, and what came of them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from shared.events import OrderCompleted
from tests.integration.payment.till import Till

ROOT = "/operator/profit-sharing"
PARTNER_BP, PERSON_BP = 2_000, 500
STEPS_SECONDS = (6, 6, 6, 16, 16, 61, 61, 301, 301, 301)
"""Pauses after which calls that wait are made again."""


@dataclass(frozen=True, slots=True)
class Partners:
    """A till that shares: 20 % for a partner merchant and 5 % for a person."""

    till: Till
    partner: dict[str, Any]
    person: dict[str, Any]

    async def complete(self, order: dict[str, Any]) -> None:
        """The shopper has the goods, some time after paying (WeChat's clock runs on while ours stands)."""
        await self.till.advance(minutes=10)
        completed = OrderCompleted(
            order_id=UUID(order["order_id"]),
            order_number=order["order_number"],
            member_id=UUID(order["member_id"]),
            completed_by="member",
            completed_at=self.till.clock.now(),
        )
        await self.till.react(completed)

    async def shared_order(self, *, amount_fen: int = 9_980) -> dict[str, Any]:
        """An order that was paid, completed, shared, and of which nothing is frozen any more."""
        order = await self.till.paid_order(amount_fen=amount_fen)
        await self.complete(order)
        await self.until(order, "unfrozen")
        return order

    async def sharing(self, order: dict[str, Any]) -> dict[str, Any]:
        """Everything an auditor sees of the sharing of an order's payment."""
        answer = await self.till.shop.as_operator("auditor").get(
            "payment", f"{ROOT}/shares/{order['order_id']}"
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def until(self, order: dict[str, Any], status: str) -> dict[str, Any]:
        """Run the timers, time passing, until the sharing stands so."""
        for seconds in STEPS_SECONDS:
            await self.till.run_timers()
            sharing = await self.sharing(order)
            if sharing["status"] == status:
                return sharing
            await self.till.advance(seconds=seconds)
        raise AssertionError(f"never {status}: {sharing}")

    async def until_refund(self, order: dict[str, Any], *statuses: str) -> None:
        """Run the timers, time passing, until the order's refunds stand so."""
        for seconds in STEPS_SECONDS:
            await self.till.run_timers()
            found = [each["status"] for each in (await self.till.detail(order))["refunds"]]
            if found == list(statuses):
                return
            await self.till.advance(seconds=seconds)
        raise AssertionError(f"refunds are {found}; {await self.sharing(order)}")

    async def got(self, order: dict[str, Any]) -> dict[str, tuple[int, int, str]]:
        """What each receiver got, gave back, and how its part ended."""
        names = {self.partner["receiver_id"]: "partner", self.person["receiver_id"]: "person"}
        parts = (await self.sharing(order))["parts"]
        return {
            names[part["receiver_id"]]: (part["amount_fen"], part["back_fen"], part["result"])
            for part in parts
        }

    async def act(self, path: str, json: Any = None, *, method: str = "POST") -> httpx.Response:
        """What finance does, under a key of its own."""
        headers = {"idempotency-key": secrets.token_hex(8)}
        finance = self.till.shop.as_operator("finance")
        return await finance.request("payment", method, f"{ROOT}{path}", json=json, headers=headers)

    async def books(self) -> dict[str, Any]:
        """WeChat's own books."""
        return dict((await self.till.wechat.control.get("/books")).json())

    async def platform_shares(self, order: dict[str, Any]) -> list[tuple[str, int, str]]:
        """What receivers got by WeChat's own books: account, fen and result, unfreezing left out."""
        books = await self.books()
        numbers = {
            each["out_order_no"]
            for each in books["share_orders"]
            if each["out_trade_no"] == order["order_number"] and not each["is_last"]
        }
        return sorted(
            (each["account"], each["amount_fen"], each["result"])
            for each in books["shares"]
            if each["out_order_no"] in numbers
        )

    async def platform_returns(self, order: dict[str, Any]) -> list[tuple[str, int, str]]:
        """What was taken back by WeChat's own books: number, fen and result."""
        return [
            (each["out_return_no"], each["amount_fen"], each["result"])
            for each in (await self.books())["share_returns"]
            if f"-{order['order_number']}-" in each["out_return_no"]
        ]

    async def ledger(self, order: dict[str, Any]) -> dict[str, int]:
        """What each account holds of the payment, zeros left out."""
        held: dict[str, int] = {}
        for entry in (await self.till.detail(order))["ledger"]:
            held[entry["account"]] = held.get(entry["account"], 0) + entry["amount_fen"]
        assert sum(held.values()) == 0
        return {account: amount_fen for account, amount_fen in held.items() if amount_fen}


async def open_partners(till: Till) -> Partners:
    """Register a partner and a person of this test's own and put the rule in force."""
    await till.rules(
        share_settles_after_seconds=0,
        share_possible_after_seconds=60,
        share_fails_for={},
        share_return_fails_as=None,
    )
    # What a person keeps of a refunded order the shop pays from its balance.
    (await till.wechat.control.post("/top-ups", json={"amount_fen": 100_000})).raise_for_status()
    partners = Partners(till, {}, {})
    partner = {
        "kind": "merchant",
        "account": f"19{secrets.randbelow(10**8):08}",
        "relation": "PARTNER",
        "name": "云上咖啡有限公司",
    }
    person = {
        "kind": "personal",
        "account": await till.wechat.user(),
        "relation": "CUSTOM",
        "custom_relation": "推广员",
    }
    for receiver, kept in ((partner, partners.partner), (person, partners.person)):
        answer = await partners.act("/receivers", receiver)
        assert answer.status_code == 201, answer.text
        kept.update(answer.json())
    await put_rule(partners, [(partners.partner, PARTNER_BP), (partners.person, PERSON_BP)])
    return partners


async def put_rule(
    partners: Partners,
    parts: Sequence[tuple[dict[str, Any], int]],
    *,
    share_after_seconds: int = 0,
) -> httpx.Response:
    """Put a rule in force, based on the one that is."""
    version = (await partners.till.shop.as_operator("auditor").get("payment", f"{ROOT}/rule")).json()[
        "version"
    ]
    receivers = [
        {"receiver_id": receiver["receiver_id"], "share_bp": share_bp} for receiver, share_bp in parts
    ]
    rule = {"version": version, "share_after_seconds": share_after_seconds, "receivers": receivers}
    answer = await partners.act("/rule", rule, method="PUT")
    assert answer.status_code == 200, answer.text
    return answer


def share_fault(api: str, action: dict[str, Any], *, times: int = 1) -> dict[str, Any]:
    """A rule by which WeChat misbehaves at the next calls of profit sharing."""
    return {"match": {"api": api}, "times": times, "action": action}
