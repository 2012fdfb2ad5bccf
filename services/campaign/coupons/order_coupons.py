"""What an order does with a coupon: lock, release, redeem, restore; each once, in any order of arrival (K10, K15)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.campaign.coupons.domain import REASONS, CouponNotUsable, Step
from services.campaign.coupons.lock_storage import CouponLock, CouponLocks, LockState
from services.campaign.coupons.storage import Coupons
from shared.database import UnitOfWork
from shared.events import CouponRedeemed, CouponRestored, OrderPaid
from shared.http.problems import NotFound, Problem
from shared.messaging.reactions import TooEarly


class CouponLockReleased(Problem):
    """The order let its coupon go, perhaps before it ever had one."""

    slug, title, status = "campaign/coupon-lock-released", "The order has let its coupon go", 409


class CouponRedeemedAlready(Problem):
    """The order is paid; its coupon is used."""

    slug, title, status = "campaign/coupon-redeemed", "The order has used its coupon", 409


class OtherCouponLocked(Problem):
    """The order holds another coupon; it can have one."""

    slug, title, status = "campaign/other-coupon-locked", "The order holds another coupon", 409


async def lock_coupon(
    work: UnitOfWork, order_id: UUID, *, coupon_id: UUID, member_id: UUID, at: datetime
) -> LockState:
    """Hold a coupon of the member's for an order; asked again, the same answer.

    Raises NotFound, CouponNotUsable, CouponLockReleased, OtherCouponLocked.
    """
    locks, coupons = CouponLocks(work.connection), Coupons(work.connection)
    if not await locks.open(order_id, coupon_id, member_id, at=at):
        return _again(await locks.hold(order_id), coupon_id, member_id)
    coupon = await coupons.lock(coupon_id, member_id)
    if coupon is None:
        raise NotFound()
    if (reason := coupon.unusable(at)) is not None:
        raise CouponNotUsable(REASONS[reason], reason=reason)
    await coupons.move([order_id], Step.LOCK, at=at)
    return LockState.LOCKED


async def release_coupon(work: UnitOfWork, order_id: UUID, *, at: datetime) -> None:
    """Let an order's coupon go, now or before it was ever locked. Raises CouponRedeemedAlready."""
    locks = CouponLocks(work.connection)
    if await locks.bury(order_id, at=at):
        return
    lock = await locks.hold(order_id)
    if lock is None or lock.state in (LockState.REDEEMED, LockState.RESTORED):
        raise CouponRedeemedAlready()
    if lock.state is LockState.LOCKED:
        await Coupons(work.connection).move([order_id], Step.RELEASE, at=at)
        await locks.end({order_id: None}, LockState.RELEASED, at=at)


async def redeem_coupons(work: UnitOfWork, paid: Mapping[UUID, OrderPaid], *, at: datetime) -> None:
    """Use up the coupons of paid orders, and announce it; `paid` is by the ids of what told of them.

    Raises TooEarly, CouponLockReleased.
    """
    locks = CouponLocks(work.connection)
    held = await locks.hold_all({order.order_id for order in paid.values()})
    redeeming: dict[UUID, UUID] = {}
    for event_id, order in paid.items():
        lock = held.get(order.order_id)
        if lock is None:
            raise TooEarly(f"order {order.order_id} has no coupon locked")
        if lock.state is LockState.RELEASED:
            raise CouponLockReleased()
        if lock.state is LockState.LOCKED:
            redeeming.setdefault(order.order_id, event_id)
    if not redeeming:
        return
    discounts_fen = {order_id: paid[cause].coupon_discount_fen for order_id, cause in redeeming.items()}
    coupons = await Coupons(work.connection).move(list(redeeming), Step.REDEEM, at=at)
    await locks.end(discounts_fen, LockState.REDEEMED, at=at)
    redeemed = [
        CouponRedeemed(
            coupon_id=coupons[order_id].id,
            coupon_template_id=coupons[order_id].template_id,
            member_id=coupons[order_id].member_id,
            order_id=order_id,
            discount_fen=discount_fen,
            redeemed_at=at,
        )
        for order_id, discount_fen in discounts_fen.items()
    ]
    await work.outbox.add(*redeemed, at=at, causes=list(redeeming.values()))


async def restore_coupon(work: UnitOfWork, order_id: UUID, *, refunded_at: datetime, at: datetime) -> None:
    """Give the coupon of a wholly refunded order back, unless it had expired by then. Raises TooEarly."""
    locks, coupons = CouponLocks(work.connection), Coupons(work.connection)
    lock = await locks.hold(order_id)
    if lock is None or lock.state is LockState.LOCKED:
        raise TooEarly(f"order {order_id} has not used its coupon yet")
    if lock.state is not LockState.REDEEMED:
        return
    coupon = await coupons.held_by(order_id)
    if coupon.expires_at <= refunded_at:
        return
    await coupons.move([order_id], Step.RESTORE, at=at)
    await locks.end({order_id: None}, LockState.RESTORED, at=at)
    restored = CouponRestored(
        coupon_id=coupon.id,
        coupon_template_id=coupon.template_id,
        member_id=coupon.member_id,
        order_id=order_id,
        restored_at=at,
    )
    await work.outbox.add(restored, at=at)


def _again(lock: CouponLock | None, coupon_id: UUID, member_id: UUID) -> LockState:
    if lock is None:
        raise NotFound()
    if lock.state in (LockState.RELEASED, LockState.RESTORED):
        raise CouponLockReleased()
    if (lock.coupon_id, lock.member_id) != (coupon_id, member_id):
        raise OtherCouponLocked()
    return lock.state
