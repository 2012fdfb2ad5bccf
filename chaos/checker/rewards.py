"""Points and growth: everything earned, spent, returned and granted is there once (P7, L1-L4)."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.case import Case, Fault, shop_day
from chaos.checker.shapes import Member, Observation, Order, PointsEntry, Refund

FEN_PER_YUAN = 100


def points_add_up(case: Case) -> Iterator[Fault]:
    """Before + logins, grants and what orders earned − spent − expired = spendable + held − owed; open orders hold."""
    before, after = _points(case.opening), _points(case.observed)
    held = Counter[str]()
    for order in case.observed.orders:
        held[order.member_id] += order.points_used if order.is_open else 0
    for member in case.observed.members:
        member_id, opening = member.member_id, case.opening.member_by_id.get(member.member_id)
        beside = sum(entry.points for entry in _new_entries(case, member) if _is_beside_orders(entry))
        net = _net(opening) + beside + after[member_id] - before[member_id]
        expected = {"spendable + held − owed": net, "held": held[member_id]}
        found = {"spendable + held − owed": _net(member), "held": member.held_points}
        if found != expected:
            yield Fault({"member_id": member_id}, expected, found)


def points_entries_sum_to_the_balance(case: Case) -> Iterator[Fault]:
    """A member's entries sum to what they can spend, which is never below nothing."""
    for member in case.observed.members:
        total = sum(entry.points for entry in member.entries)
        spendable = member.spendable_points
        if total != spendable or spendable < 0:
            yield Fault({"member_id": member.member_id}, total, spendable)


def growth_adds_up(case: Case) -> Iterator[Fault]:
    """Before + what orders earned, less what their refunds took back = now."""
    before, after = _growth(case.opening), _growth(case.observed)
    for member in case.observed.members:
        member_id, opening = member.member_id, case.opening.member_by_id.get(member.member_id)
        expected = (opening.growth if opening else 0) + after[member_id] - before[member_id]
        if member.growth != expected:
            yield Fault({"member_id": member_id}, expected, member.growth)


def login_points_come_once_a_day(case: Case) -> Iterator[Fault]:
    """At most once a shop day, so many as the rules say, and on the day of every login that was acknowledged."""
    points = case.observed.point_rules.login_points
    for member in case.observed.members:
        days = Counter(shop_day(entry.at) for entry in member.entries if entry.reason == "login")
        for day, count in days.items():
            if count > 1:
                yield Fault({"member_id": member.member_id, "day": str(day)}, 1, count)
        for entry in _new_entries(case, member):
            if entry.reason == "login" and entry.points != points:
                yield Fault({"member_id": member.member_id}, points, entry.points)
    for call in case.named("login") if points else ():
        member_id = case.member_of[call.shopper] if call.is_acknowledged else ""
        if known := case.observed.member_by_id.get(member_id):
            possible = {shop_day(entry.at) for entry in call.entries}
            if not possible & {shop_day(entry.at) for entry in known.entries if entry.reason == "login"}:
                yield Fault({"member_id": member_id}, f"login points on {max(possible)}", None)


def points_adjustments_are_kept(case: Case) -> Iterator[Fault]:
    """Each acknowledged adjustment, told by its reason, was made once; one without an answer at most once; no other was."""
    made = Counter(
        (member.member_id, entry.reason, entry.points)
        for member in case.observed.members
        for entry in _new_entries(case, member)
        if entry.kind in ("grant", "deduct")
    )
    for call in case.named("adjust-points"):
        wanted = (call.request["member_id"], call.request["reason"], call.request["points"])
        found = made.pop(wanted, 0)
        if found != 1 and (call.is_acknowledged or found > call.may_have_happened):
            yield Fault({"member_id": wanted[0], "reason": wanted[1]}, int(call.is_acknowledged), found)
    for (member_id, reason, points), found in made.items():
        yield Fault({"member_id": member_id, "reason": str(reason)}, "no such adjustment", [points] * found)


def _points(observation: Observation) -> Counter[str]:
    """What paid orders earned and returned, less what they took back and spent, by member."""
    rate = observation.point_rules.earn_points_per_yuan
    total = Counter[str]()
    refunds = observation.refunds_by_order
    for order in observation.orders:
        if order.is_ever_paid:
            done = [refund for refund in refunds.get(order.order_id, ()) if refund.is_done]
            spent = order.points_used - sum(refund.points_returned for refund in done)
            total[order.member_id] += _whole_yuan_kept(order, done) * rate - spent
    return total


def _growth(observation: Observation) -> Counter[str]:
    """What paid orders earned and kept, by member."""
    rate = observation.point_rules.growth_per_yuan
    total = Counter[str]()
    refunds = observation.refunds_by_order
    for order in observation.orders:
        if order.is_ever_paid:
            done = [refund for refund in refunds.get(order.order_id, ()) if refund.is_done]
            total[order.member_id] += _whole_yuan_kept(order, done) * rate
    return total


def _whole_yuan_kept(order: Order, done: list[Refund]) -> int:
    """Whole yuan of goods that were paid for and not refunded: what earns."""
    goods_fen = sum(line.payable_fen for line in order.lines)
    back_fen = sum(line.amount_fen for refund in done for line in refund.lines)
    return (goods_fen - back_fen) // FEN_PER_YUAN


def _new_entries(case: Case, member: Member) -> list[PointsEntry]:
    """What moved a member's points since the opening."""
    opening = case.opening.member_by_id.get(member.member_id)
    known = {entry.entry_id for entry in opening.entries} if opening else set()
    return [entry for entry in member.entries if entry.entry_id not in known]


def _is_beside_orders(entry: PointsEntry) -> bool:
    return entry.reason == "login" or entry.kind in ("grant", "deduct", "expire")


def _net(member: Member | None) -> int:
    if member is None:
        return 0
    return member.spendable_points + member.held_points - member.owed_points
