"""Placing an order: priced anew, written down, everything held, then open for payment (K8, K15)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.order.checkout.gather import make_proposal
from services.order.checkout.notes import refuse
from services.order.checkout.proposal import Proposal
from services.order.checkout.views import QuoteView
from services.order.checkout.wishes import Wish, quantities_of
from services.order.orders.addresses import seal
from services.order.orders.domain import (
    MAX_UNPAID_ORDERS,
    BoughtLine,
    Order,
    OrderStatus,
    RefundSummary,
)
from services.order.orders.finish_creation import COMPLETE_CREATION, finish_creation
from services.order.orders.placing_storage import Attempt, Created, NewOrder, Placings
from services.order.pricing import dump
from services.order.resources import OrderResources
from services.order.rules.storage import OrderRules
from shared.clock import SHANGHAI
from shared.database import committing_each
from shared.http.idempotency import IdempotencyKey, KeyReused, StillRunning
from shared.http.identity import Principal
from shared.http.problems import Problem, UpstreamProblem
from shared.ids import new_id


class PriceChanged(Problem):
    """The price is not the one that was previewed; `quote` is the new one, and nothing was held."""

    slug, title, status = "order/price-changed", "The price has changed", 409


class TooManyUnpaid(Problem):
    """The member has as many unpaid orders as may be (section 4.F)."""

    slug, title, status = "order/too-many-unpaid", "Please pay or cancel your unpaid orders first", 409


@dataclass(frozen=True, slots=True)
class Placing:
    """A wish with the fingerprint of the quote that was agreed to."""

    wish: Wish
    quote_fingerprint: str


async def place_order(
    resources: OrderResources, caller: Principal, placing: Placing, key: IdempotencyKey, *, at: datetime
) -> Order:
    """Place the order, or repeat what came of the same key before, even while it was on its way (P2).

    Raises the Problem of a wish that cannot be granted, PriceChanged, TooManyUnpaid, UpstreamProblem when stock, coupon
    or points are refused (the order is closed, and repeats are told the same), KeyReused, StillRunning, and
    ServiceUnavailable, after which the same key may be tried again.
    """
    if (earlier := await resources.attempts.get(key.key)) is not None:
        return _repeat(earlier, key)
    asking_since = resources.shortages.may_ask(quantities_of(placing.wish.lines or ()))
    try:
        async with resources.counter:
            return await _place(resources, caller, placing, key, at=at, asking_since=asking_since)
    except Problem:  # may be owed to the order that the same key has just made: its last slot, its coupon
        if (earlier := await resources.attempts.get(key.key)) is None:
            raise
        return _repeat(earlier, key)


async def _place(
    resources: OrderResources,
    caller: Principal,
    placing: Placing,
    key: IdempotencyKey,
    *,
    at: datetime,
    asking_since: float,
) -> Order:
    wish, shortages = placing.wish, resources.shortages
    shortages.may_go_on(quantities_of(wish.lines or ()), asking_since=asking_since)
    proposal = await make_proposal(resources, caller, wish, at=at)
    refuse(proposal.notes)
    if proposal.fingerprint != placing.quote_fingerprint:
        raise PriceChanged(quote=QuoteView.of(proposal).model_dump(mode="json"))
    shortages.may_go_on(quantities_of(proposal.lines), asking_since=asking_since)
    new = await _write(resources, caller, wish, proposal, key, at=at)
    return await finish_creation(resources, new.order, new.lines, on_behalf_of=caller)


async def _write(
    resources: OrderResources,
    caller: Principal,
    wish: Wish,
    proposal: Proposal,
    key: IdempotencyKey,
    *,
    at: datetime,
) -> NewOrder:
    """Write the order down as CREATING; raises TooManyUnpaid, StillRunning."""
    new = _new_order(resources, caller, wish, proposal, await resources.order_rules.get(), key, at=at)
    due_at = at + timedelta(seconds=resources.settings.creation_timeout_seconds)
    async with committing_each(resources.engine) as connection:
        placings = Placings(connection)
        for _ in range(MAX_UNPAID_ORDERS + 1):  # each slot that was taken meanwhile may cost a try
            match await placings.create(new, timer=COMPLETE_CREATION, due_at=due_at):
                case Created.YES:
                    return new
                case Created.NO_SLOT:
                    raise TooManyUnpaid(f"At most {MAX_UNPAID_ORDERS} orders may wait for payment.")
                case Created.TAKEN if await placings.has(key.key):
                    break
    raise StillRunning(headers={"retry-after": "1"})


def _repeat(earlier: Attempt, key: IdempotencyKey) -> Order:
    if earlier.request_hash != key.request_hash:
        raise KeyReused()
    if earlier.refusal is not None:
        raise UpstreamProblem(earlier.refusal["status"], earlier.refusal)
    if earlier.order.status is OrderStatus.CREATING:
        raise StillRunning(headers={"retry-after": "1"})
    return earlier.order


def _new_order(
    resources: OrderResources,
    caller: Principal,
    wish: Wish,
    proposal: Proposal,
    rules: OrderRules,
    key: IdempotencyKey,
    *,
    at: datetime,
) -> NewOrder:
    address, quote = proposal.address, proposal.quote
    assert address is not None, "a proposal without an address was refused"
    order = Order(
        id=new_id(),
        order_number=_order_number(at),
        member_id=caller.member_id,
        status=OrderStatus.CREATING,
        version=1,
        goods_fen=quote.goods_fen,
        discount_fen=quote.discount_fen,
        coupon_discount_fen=quote.coupon_discount_fen,
        points_used=quote.points_used,
        points_discount_fen=quote.points_discount_fen,
        freight_fen=quote.freight_fen,
        freight_discount_fen=quote.freight_discount_fen,
        payable_fen=quote.payable_fen,
        refunded_fen=0,
        refund_summary=RefundSummary.NONE,
        coupon_id=wish.coupon_id,
        from_cart=wish.lines is None,
        close_reason=None,
        placed_at=at,
        expires_at=at + timedelta(seconds=rules.pay_timeout_seconds),
        paid_at=None,
        shipped_at=None,
        completed_at=None,
        closed_at=None,
    )
    return NewOrder(
        order=order,
        lines=_bought_lines(proposal),
        price_request=dump(proposal.request),
        quote=dump(quote),
        address_id=address.address_id,
        address_sealed=seal(resources.field_keys, address, order_id=order.id),
        idempotency_key=key.key,
        request_hash=key.request_hash,
    )


def _bought_lines(proposal: Proposal) -> list[BoughtLine]:
    lines = []
    for priced in proposal.quote.lines:
        sku = proposal.skus[priced.sku_id]
        line = BoughtLine(
            id=new_id(),
            sku_id=sku.sku_id,
            sku_code=sku.sku_code,
            product_id=sku.product_id,
            product_name=sku.product_name,
            options=sku.options,
            image_url=sku.image_url,
            category_ids=sku.category_ids,
            unit_price_fen=sku.unit_price_fen,
            quantity=priced.quantity,
            payable_fen=priced.payable_fen,
            points_used=priced.points_used,
            after_sale_policy=sku.after_sale_policy,
        )
        lines.append(line)
    return lines


def _order_number(at: datetime) -> str:
    """What people call the order: the shop's date and time to the second, and eight random digits."""
    return f"{at.astimezone(SHANGHAI):%y%m%d%H%M%S}{secrets.randbelow(10**8):08d}"
