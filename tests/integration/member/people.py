"""The member service as its tests speak of it: people who log in, orders that tell what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from shared.clock import ManualClock
from shared.database import begin, reading
from shared.events import Event, OrderClosed, OrderLine, OrderPaid, OrderRefunded, RefundedLine
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import encode
from shared.messaging.transport import Delivery
from tests.support.shop import Caller, Shop

AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""Noon in Shanghai."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who logged in."""

    member_id: UUID
    openid: str


@dataclass(frozen=True, slots=True)
class Members:
    """The member service alone, with the clock in the tests' hands."""

    shop: Shop
    clock: ManualClock

    async def log_in(self, openid: str, *, scene: str | None = None) -> httpx.Response:
        """What the gateway gets for a fresh login code of this WeChat user."""
        body = {"code": await self.shop.wechat.login_code(openid), "scene": scene}
        return await self.as_service("gateway").post("member", "/internal/logins", body)

    async def join(self, **profile: Any) -> Member:
        """A new WeChat user who logged in once."""
        openid = await self.shop.wechat.user(**profile)
        answer = await self.log_in(openid)
        assert answer.status_code == 200, answer.text
        return Member(UUID(answer.json()["member_id"]), openid)

    async def join_with_points(self, points: int) -> Member:
        """A new member with exactly so many points to spend (at least the one of their login)."""
        member = await self.join()
        await self.grant(member, points - 1)
        return member

    async def grant(self, member: Member, points: int) -> None:
        """Points by an operator's word."""
        answer = await self.as_operator("operations").post(
            "member",
            f"/operator/members/{member.member_id}/points-adjustments",
            {"points": points, "reason": "补偿"},
            headers={"idempotency-key": str(new_id())},
        )
        assert answer.status_code == 201, answer.text

    async def hold(self, order_id: UUID, member: Member, points: int) -> httpx.Response:
        """The order service asks for points."""
        return await self.as_service("order").put(
            "member",
            f"/internal/points-holds/{order_id}",
            {"member_id": str(member.member_id), "points": points},
        )

    async def release(self, order_id: UUID) -> httpx.Response:
        """The order service lets an order's points go."""
        return await self.as_service("order").post("member", f"/internal/points-holds/{order_id}/release")

    async def points(self, member: Member) -> tuple[int, int, int]:
        """What a member can spend, has on hold, and owes."""
        body = (await self.as_member(member).get("member", "/me/points")).json()
        return body["spendable_points"], body["held_points"], body["owed_points"]

    async def level(self, member: Member) -> tuple[str, int]:
        """A member's level and growth."""
        body = (await self.as_member(member).get("member", "/me/level")).json()
        return body["level"]["code"], body["growth"]

    async def hear(self, event: Event, *, id: UUID | None = None) -> None:
        """Deliver an event to the reactions that listen to it."""
        await self.hear_together({id or new_id(): event})

    async def hear_together(self, events: Mapping[UUID, Event]) -> None:
        """Deliver events of one type, by their ids, in one message."""
        envelopes = [encode(event, id=id_, at=self.clock.now()) for id_, event in events.items()]
        event = next(iter(events.values()))
        delivery = Delivery(event.type, f"[{','.join(envelopes)}]".encode(), redelivered=False)
        worker = self.shop.platform.workers["member"]
        resources = self.shop.platform.resources["member"]
        for reaction in worker.reactions:
            if type(event) in reaction.types:
                await Consumer(reaction, resources.engine, resources.clock).handle([delivery])

    async def announced(self, member: Member, type_: type[Event]) -> list[dict[str, Any]]:
        """The events of one type about a member, in order."""
        rows = await self.rows(
            "SELECT CAST(envelope AS jsonb) -> 'data' AS data FROM outbox"
            " WHERE type = :type AND subject = :subject ORDER BY id",
            type=type_.type,
            subject=str(member.member_id),
        )
        return [row["data"] for row in rows]

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Look into the database."""
        async with reading(self.shop.platform.resources["member"].engine) as connection:
            return [dict(row) for row in await connection.execute(text(statement), values)]

    async def execute(self, statement: str, **values: Any) -> None:
        """Change the database as the runtime role may."""
        async with begin(self.shop.platform.resources["member"].engine) as work:
            await work.connection.execute(text(statement), values)

    def as_member(self, member: Member) -> Caller:
        return self.shop.as_member(member.member_id, wechat_openid=member.openid)

    def as_operator(self, *roles: str) -> Caller:
        return self.shop.as_operator(*roles)

    def as_service(self, name: str) -> Caller:
        return self.shop.as_service(name)


def order_paid(
    member: Member, *, order_id: UUID, lines_fen: list[int], points_used: int = 0, freight_fen: int = 0
) -> OrderPaid:
    """An order with one unit on each line, paid with so much a line."""
    lines = [
        OrderLine(
            order_line_id=new_id(),
            sku_id=new_id(),
            product_id=new_id(),
            category_id=new_id(),
            quantity=1,
            unit_price_fen=paid_fen,
            payable_fen=paid_fen,
        )
        for paid_fen in lines_fen
    ]
    return OrderPaid(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        member_id=member.member_id,
        lines=lines,
        goods_fen=sum(lines_fen),
        discount_fen=0,
        freight_fen=freight_fen,
        payable_fen=sum(lines_fen) + freight_fen,
        coupon_id=None,
        coupon_discount_fen=0,
        points_used=points_used,
        placed_at=AT,
        paid_at=AT,
    )


def order_closed(member: Member, *, order_id: UUID, points_used: int = 0) -> OrderClosed:
    """An order that nobody paid."""
    return OrderClosed(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        member_id=member.member_id,
        reason="timeout",
        coupon_id=None,
        points_used=points_used,
        placed_at=AT,
        closed_at=AT,
    )


def order_refunded(
    member: Member,
    *,
    order_id: UUID,
    amounts_fen: list[int],
    points_returned: int = 0,
    freight_fen: int = 0,
    refund_id: UUID | None = None,
) -> OrderRefunded:
    """A refund of so much a line."""
    lines = [
        RefundedLine(
            order_line_id=new_id(), sku_id=new_id(), product_id=new_id(), quantity=1, amount_fen=amount_fen
        )
        for amount_fen in amounts_fen
    ]
    return OrderRefunded(
        order_id=order_id,
        order_number=f"J{order_id.int % 10**12}",
        refund_id=refund_id or new_id(),
        member_id=member.member_id,
        lines=lines,
        freight_fen=freight_fen,
        refund_fen=sum(amounts_fen) + freight_fen,
        points_returned=points_returned,
        is_full=False,
        coupon_id=None,
        paid_at=AT,
        refunded_at=AT,
    )
