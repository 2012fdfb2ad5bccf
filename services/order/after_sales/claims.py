"""Which units of an order a request may be about (OR-10, PD-12); pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.order.after_sales.domain import AfterSaleKind, AfterSaleLine
from services.order.orders.domain import BoughtLine, Order
from services.order.orders.line_counts import MAX_REQUESTS
from shared.http.problems import Invalid, Problem


class TooManyRequests(Problem):
    """Five requests have named this line."""

    slug, title, status = "order/too-many-after-sales", "There were as many requests for this as may be", 409


class NotSoManyLeft(Problem):
    """So many units are not there to ask for; `order_line_id` and `claimable_quantity` tell what is."""

    slug, title, status = "order/not-claimable", "There is not so much left to ask for", 409


class NoReturns(Problem):
    """The after-sale policy that was agreed to at purchase takes nothing back; `policy_title` tells which."""

    slug, title, status = "order/no-returns", "This was sold without the right to return it", 409


class WindowOver(Problem):
    """The days of the after-sale policy are over since `window_ended_at`."""

    slug, title, status = "order/after-sale-window-over", "The time to ask for this is over", 409


def claim(
    order: Order,
    lines: Sequence[BoughtLine],
    kind: AfterSaleKind,
    wanted: Mapping[UUID, int],
    *,
    at: datetime,
    default_days: int,
) -> list[AfterSaleLine]:
    """The units that a request gets; `default_days` holds for lines bought without a policy.

    A refund alone takes units that have not left before those that have; what is returned or exchanged has left. The
    policy is asked only about units that have left. Raises Invalid, TooManyRequests, NotSoManyLeft, NoReturns, WindowOver.
    """
    known = {line.id: line for line in lines}
    if unknown := wanted.keys() - known.keys():
        raise Invalid("A line is not of this order.", order_line_ids=sorted(map(str, unknown)))
    return [
        _claim(order, known[order_line_id], kind, quantity, at=at, default_days=default_days)
        for order_line_id, quantity in wanted.items()
    ]


def with_buyer(line: BoughtLine) -> int:
    """How many units have left, were not refunded, and are in no other request."""
    given_back = line.refunded_quantity - line.cancelled_quantity
    return line.shipped_quantity - given_back - (line.claimed_quantity - line.held_back_quantity)


def _claim(
    order: Order, line: BoughtLine, kind: AfterSaleKind, quantity: int, *, at: datetime, default_days: int
) -> AfterSaleLine:
    about = str(line.id)
    if line.after_sale_requests >= MAX_REQUESTS:
        raise TooManyRequests(order_line_id=about)
    refund_only = kind is AfterSaleKind.REFUND_ONLY
    held_back = min(quantity, line.shippable_quantity) if refund_only else 0
    claimable = line.refundable_quantity if refund_only else with_buyer(line)
    if quantity > claimable:
        raise NotSoManyLeft(claimable_quantity=claimable, order_line_id=about)
    if quantity > held_back:
        _require_window(order, line, at=at, default_days=default_days)
    return AfterSaleLine(line.id, line.sku_id, line.product_name, quantity, held_back, None)


def _require_window(order: Order, line: BoughtLine, *, at: datetime, default_days: int) -> None:
    policy = line.after_sale_policy
    days: int = default_days if policy is None else policy["days"]
    about = str(line.id)
    if days == 0:
        raise NoReturns(policy_title=None if policy is None else policy["title"], order_line_id=about)
    if order.completed_at is not None and at > (ended_at := order.completed_at + timedelta(days=days)):
        raise WindowOver(window_ended_at=ended_at.isoformat(), order_line_id=about)
