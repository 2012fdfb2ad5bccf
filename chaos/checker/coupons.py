"""Coupons: each is used by at most one order, and stands where the orders say (P7, C1-C4)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from chaos.checker.case import Case, Fault
from chaos.checker.shapes import Coupon, Order


def a_coupon_is_used_once(case: Case) -> Iterator[Fault]:
    """A coupon belongs to at most one order that holds it or was paid with it and kept, and that is its owner's."""
    owners = {coupon.coupon_id: member_id for member_id, coupon in _coupons(case)}
    for coupon_id, holders in _holders(case).items():
        if len(holders) > 1:
            yield Fault({"coupon_id": coupon_id}, "one order", [order.order_id for order in holders])
        for order in holders:
            if owners.get(coupon_id, order.member_id) != order.member_id:
                keys = {"coupon_id": coupon_id, "order_id": order.order_id}
                yield Fault(keys, owners[coupon_id], order.member_id)


def coupons_stand_where_orders_say(case: Case) -> Iterator[Fault]:
    """Used by its paid order, locked by its open one, else free: after closing, and after a full refund in time."""
    holders = _holders(case)
    for member_id, coupon in _coupons(case):
        holder = next(iter(holders.get(coupon.coupon_id, ())), None)
        keys = {"coupon_id": coupon.coupon_id, "member_id": member_id}
        if holder is not None:
            expected = ("used" if holder.is_ever_paid else "locked", holder.order_id)
            if (coupon.state, coupon.order_id) != expected:
                yield Fault(keys, expected, (coupon.state, coupon.order_id))
        elif coupon.state not in ("available", "expired") and not _came_back_too_late(case, coupon):
            yield Fault(keys, "available", (coupon.state, coupon.order_id))


def coupon_claims_are_kept(case: Case) -> Iterator[Fault]:
    """An acknowledged claim is one coupon of the member's; there is none that was not claimed."""
    owned = {coupon.coupon_id: (member_id, coupon.template_id) for member_id, coupon in _coupons(case)}
    before = {coupon.coupon_id for member in case.opening.members for coupon in member.coupons}
    unclaimed = {coupon_id: owner for coupon_id, owner in owned.items() if coupon_id not in before}
    possible = Counter[tuple[str | None, str]]()
    for call in case.named("claim-coupon"):
        member_id = case.member_of.get(call.shopper)
        coupons = {answer["coupon_id"]: answer["template_id"] for answer in call.acknowledged}
        if len(coupons) > 1:
            yield Fault({"key": str(call.key)}, "one coupon", sorted(coupons))
        for coupon_id, template_id in coupons.items():
            unclaimed.pop(coupon_id, None)
            if owned.get(coupon_id) != (member_id, template_id):
                yield Fault({"coupon_id": coupon_id}, (member_id, template_id), owned.get(coupon_id))
        if not coupons and call.may_have_happened:
            possible[member_id, call.request["template_id"]] += 1
    for coupon_id, owner in unclaimed.items():
        possible[owner] -= 1
        if possible[owner] < 0:
            yield Fault({"coupon_id": coupon_id, "member_id": owner[0]}, "no coupon", "unclaimed")


def templates_give_no_more_than_their_quota(case: Case) -> Iterator[Fault]:
    """What was issued are the members' coupons, within the quota and each member's limit."""
    given = Counter(coupon.template_id for _, coupon in _coupons(case))
    given_before = Counter(coupon.template_id for member in case.opening.members for coupon in member.coupons)
    issued_before = {each.template_id: each.issued for each in case.opening.coupon_templates}
    by_member = Counter((coupon.template_id, member_id) for member_id, coupon in _coupons(case))
    for template in case.observed.coupon_templates:
        keys = {"template_id": template.template_id}
        issued = issued_before.get(template.template_id, 0)
        issued += given[template.template_id] - given_before[template.template_id]
        if template.issued != issued or issued > template.total_quota:
            yield Fault(keys, f"{issued} of at most {template.total_quota}", template.issued)
        for (template_id, member_id), count in by_member.items():
            if template_id == template.template_id and count > template.per_member_limit:
                yield Fault(keys | {"member_id": member_id}, template.per_member_limit, count)


def _coupons(case: Case) -> Iterator[tuple[str, Coupon]]:
    for member in case.observed.members:
        for coupon in member.coupons:
            yield member.member_id, coupon


def _holders(case: Case) -> Mapping[str, list[Order]]:
    """By coupon, the orders that hold or have used it: open, or paid and not wholly refunded."""
    found: defaultdict[str, list[Order]] = defaultdict(list)
    for order in case.observed.orders:
        if order.coupon_id is not None and not order.is_closed and not case.is_wholly_refunded(order):
            found[order.coupon_id].append(order)
    return found


def _came_back_too_late(case: Case, coupon: Coupon) -> bool:
    """Whether the order that used it was wholly refunded after the coupon's time: then it stays used."""
    order = case.observed.order_by_id.get(coupon.order_id or "")
    if order is None or coupon.state != "used" or not case.is_wholly_refunded(order):
        return False
    refunded_at = [refund.refunded_at for refund in case.refunds_of(order) if refund.refunded_at]
    return max(refunded_at) >= coupon.expires_at
