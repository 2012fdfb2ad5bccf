"""Holding an order's points, spending them when it is paid, releasing them when it is closed (MB-04)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.member.points.domain import Kind, Source
from services.member.points.holds import Hold, HoldDiffers, HoldReleased, HoldSpent, HoldState, PointsHolds
from services.member.points.storage import PointsBook, Posting
from shared.database import UnitOfWork
from shared.messaging.reactions import TooEarly


async def hold_points(
    work: UnitOfWork, order_id: UUID, *, member_id: UUID, points: int, at: datetime
) -> Hold:
    """Set points aside for an order; asked again it answers the same.

    Raises NotEnoughPoints, HoldReleased, HoldDiffers, NotFound for an unknown member.
    """
    holds, book = PointsHolds(work.connection), PointsBook(work.connection)
    hold = Hold(order_id, member_id, points, HoldState.HELD)
    if await holds.claim(hold, at=at):
        balance = await book.lock(member_id)
        await book.post([Posting(member_id, balance.hold(points), _source(order_id))], at=at)
        return hold
    found = await holds.lock(order_id)
    assert found is not None, "a hold is never deleted"
    if found.state is HoldState.RELEASED:
        raise HoldReleased()
    if (found.member_id, found.points) != (member_id, points):
        raise HoldDiffers()
    return found


async def release_points(work: UnitOfWork, order_id: UUID, *, at: datetime) -> Hold:
    """Give an order's held points back, and never hold any for it again. Raises HoldSpent."""
    holds = PointsHolds(work.connection)
    tombstone = Hold(order_id, None, 0, HoldState.RELEASED)
    if await holds.claim(tombstone, at=at):
        return tombstone
    hold = await holds.lock(order_id)
    assert hold is not None, "a hold is never deleted"
    if hold.state is HoldState.SPENT:
        raise HoldSpent()
    if hold.state is HoldState.HELD:
        assert hold.member_id is not None, "only tombstones have no member"
        await holds.resolve(order_id, HoldState.RELEASED, at=at)
        book = PointsBook(work.connection)
        balance = await book.lock(hold.member_id)
        released = balance.receive(Kind.RELEASE, hold.points)
        await book.post([Posting(hold.member_id, released, _source(order_id))], at=at)
    return replace(hold, state=HoldState.RELEASED)


async def spend_holds(
    work: UnitOfWork, spending: Mapping[UUID, tuple[UUID, int]], *, at: datetime
) -> set[UUID]:
    """End the holds of paid orders, each given with its member and points; returns the orders whose hold ended just now.

    Raises TooEarly without a hold, HoldReleased or HoldDiffers when an order says what cannot be.
    """
    if not spending:
        return set()
    holds = await PointsHolds(work.connection).spend(list(spending), at=at)
    for order_id, wanted in spending.items():
        hold = holds.get(order_id)
        if hold is None:
            raise TooEarly(f"order {order_id} holds no points yet")
        if hold.state is HoldState.RELEASED:
            raise HoldReleased()
        if (hold.member_id, hold.points) != wanted:
            raise HoldDiffers()
    return {order_id for order_id, hold in holds.items() if hold.state is HoldState.HELD}


def _source(order_id: UUID) -> Source:
    return Source("order", str(order_id))
