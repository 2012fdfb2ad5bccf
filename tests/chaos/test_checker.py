"""The checker by itself: evidence without fault gives no finding, and every lie is found by the rule meant for it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.checker import check
from chaos.checker.rules import RULES
from tests.chaos.evidence import MEMBER, Evidence, Row, clean, number, wish

Lie = Callable[[Evidence], None]

_ADJUSTED = {"sku_id": "a", "change": 2, "reason": "found 2"}

LIES: list[tuple[str, Lie]] = []


def lie(rule: str) -> Callable[[Lie], Lie]:
    """A way to spoil the evidence, and the rule that must notice."""

    def register(spoil: Lie) -> Lie:
        LIES.append((rule, spoil))
        return spoil

    return register


@lie("acknowledged-order-is-kept")
def an_acknowledged_order_is_lost(run: Evidence) -> None:
    run.observed["orders"].remove(run.order("o2"))


@lie("acknowledged-order-is-kept")
def an_order_costs_another_amount_than_was_acknowledged(run: Evidence) -> None:
    run.order("o4").update(payable_fen=1_251, discount_fen=549)


@lie("acknowledged-order-is-kept")
def an_order_has_another_quantity_than_was_wished(run: Evidence) -> None:
    run.order("o3")["lines"][0]["quantity"] = 2


@lie("one-key-has-one-answer")
def of_three_at_once_one_is_told_something_else(run: Evidence) -> None:
    answers = [(201, {"on_hand": on_hand}) for on_hand in (98, 98, 97)]
    run.call_at_once("adjust-stock", _ADJUSTED, *answers, key="key-stock")


@lie("one-key-has-one-answer")
def what_was_done_is_refused_to_whoever_asks_again(run: Evidence) -> None:
    run.call("adjust-stock", _ADJUSTED, (409, {"type": "/problems/done"}), key="key-stock")


@lie("one-key-is-one-order")
def a_repeated_key_is_answered_with_another_order(run: Evidence) -> None:
    names = ("order_id", "order_number", "payable_fen")
    answers = [(201, {name: run.order(each)[name] for name in names}) for each in ("o7", "o2")]
    run.call("place-order", wish(run.order("o7")), *answers, key="twice")


@lie("one-key-is-one-order")
def two_keys_are_answered_with_one_order(run: Evidence) -> None:
    run.place("o2", key="another")


@lie("nobody-gets-an-order-unasked")
def a_retry_of_an_unanswered_wish_makes_a_second_order(run: Evidence) -> None:
    run.observed["orders"].append(run.order("o7") | {"order_id": "o8", "order_number": number("o8")})


@lie("nobody-gets-an-order-unasked")
def a_refused_wish_makes_an_order(run: Evidence) -> None:
    run.order("o6").update(close_reason="unpaid")


@lie("every-order-is-decided")
def an_order_stays_half_made(run: Evidence) -> None:
    run.order("o4").update(status="creating")


@lie("prices-add-up")
def a_discount_is_lost(run: Evidence) -> None:
    run.order("o2").update(discount_fen=1)


@lie("what-was-seen-stays-true")
def paid_is_taken_back(run: Evidence) -> None:
    run.call("see-order", {"order_id": "o4"}, (200, {"order_id": "o4", "status": "paid"}))


@lie("what-was-seen-stays-true")
def a_cancelled_order_lives_again(run: Evidence) -> None:
    run.call("cancel-order", {"order_id": "o4"}, (200, {"order_id": "o4", "status": "closed"}))


@lie("acknowledged-payment-is-kept")
def a_payment_that_succeeded_is_forgotten(run: Evidence) -> None:
    run.call("pay", {"order_id": "o4"}, (200, {"order_id": "o4", "status": "succeeded"}))


@lie("money-has-an-order")
def money_comes_for_nothing(run: Evidence) -> None:
    run.books["payments"].append(run.books["payments"][0] | {"out_trade_no": "999"})


@lie("paid-is-paid-or-returned")
def money_for_a_closed_order_is_kept(run: Evidence) -> None:
    del run.books["refunds"][1]


@lie("paid-is-paid-or-returned")
def a_second_payment_is_kept(run: Evidence) -> None:
    run.books["payments"].append(run.books["payments"][0] | {"out_trade_no": f"{number('o1')}-2"})


@lie("paid-is-paid-or-returned")
def an_order_is_paid_although_nobody_paid(run: Evidence) -> None:
    run.books["payments"][0].update(paid_at=None)


@lie("books-agree-by-order")
def the_shop_says_refunded_and_wechat_does_not(run: Evidence) -> None:
    run.books["refunds"][0].update(status="PROCESSING")


@lie("payments-agree-with-orders")
def the_payment_service_has_lost_a_payment(run: Evidence) -> None:
    run.of("payments", "order_id", "o1").update(status="closed", paid_fen=0)


@lie("refunds-are-paid-out-once")
def a_refund_is_paid_out_twice(run: Evidence) -> None:
    run.books["refunds"].append(run.books["refunds"][0] | {"out_refund_no": f"{number('o2')}R01-2"})


@lie("refunds-are-paid-out-once")
def a_refund_that_the_shop_does_not_know_is_paid_out(run: Evidence) -> None:
    run.books["refunds"].append(run.books["refunds"][0] | {"out_refund_no": f"{number('o2')}R02"})


@lie("refunds-are-decided")
def a_refund_stays_on_its_way(run: Evidence) -> None:
    run.observed["refunds"][0].update(status="requested")


@lie("a-refund-has-one-number")
def a_refund_goes_on_under_a_new_number(run: Evidence) -> None:
    attempt = run.observed["refund_attempts"][0]
    run.observed["refund_attempts"].append(attempt | {"out_refund_no": f"{number('o2')}R01-2"})
    run.books["refunds"].append(run.books["refunds"][0] | {"out_refund_no": f"{number('o2')}R01-2"})


@lie("surplus-went-back-once")
def a_surplus_goes_back_twice(run: Evidence) -> None:
    run.books["refunds"].append(run.books["refunds"][1] | {"out_refund_no": f"SURPLUS-{number('o3')}-2"})


@lie("surplus-went-back-once")
def a_surplus_waits_in_the_books(run: Evidence) -> None:
    run.observed["cash_accounts"].append({"account": "surplus_payable", "balance_fen": -1_300})


@lie("no-payment-gives-back-more-than-it-took")
def more_goes_back_than_was_paid(run: Evidence) -> None:
    run.books["refunds"][0].update(refund_fen=5_998)


@lie("cash-books-balance")
def the_cash_books_lose_a_fen(run: Evidence) -> None:
    run.observed["cash_accounts"][1]["balance_fen"] += 1


@lie("cash-books-balance")
def the_cash_books_and_wechat_differ(run: Evidence) -> None:
    run.observed["cash_accounts"] = [
        {"account": "provider_receivable", "balance_fen": 9_496},
        {"account": "order_receipts", "balance_fen": -9_496},
    ]


@lie("acknowledged-refund-is-kept")
def an_acknowledged_refund_is_lost(run: Evidence) -> None:
    del run.observed["refunds"][0]


@lie("nothing-is-refunded-unasked")
def a_refund_nobody_asked_for(run: Evidence) -> None:
    run.observed["refunds"].append(run.observed["refunds"][0] | {"refund_id": "r9", "refund_number": "R9"})


@lie("orders-count-their-refunds")
def more_units_come_back_than_were_bought(run: Evidence) -> None:
    run.observed["refunds"][1]["lines"][0]["quantity"] = 2
    run.order("o5")["lines"][0]["refunded_quantity"] = 2


@lie("units-come-back-at-their-price")
def a_unit_comes_back_a_fen_too_dear(run: Evidence) -> None:
    run.order("o2")["lines"][0]["refunded_fen"] = 2_000


@lie("acknowledged-after-sale-is-kept")
def an_after_sale_request_is_lost(run: Evidence) -> None:
    run.observed["after_sales"].clear()


@lie("acknowledged-after-sale-is-kept")
def an_after_sale_is_about_another_unit_than_was_asked_for(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s1")["lines"][0]["quantity"] = 2


@lie("after-sale-steps-are-kept")
def a_withdrawn_request_goes_on(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s3").update(status="awaiting_return")


@lie("after-sale-steps-are-kept")
def what_the_inspection_said_is_lost(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s1")["lines"][0]["restockable_quantity"] = None


@lie("an-after-sale-ends-once")
def an_exchange_brings_money_too(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s1").update(refund={"refund_id": "r-o2"})


@lie("an-after-sale-ends-once")
def a_request_waits_for_a_refund_that_has_come(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s2").update(status="refunding")


@lie("an-after-sale-ends-once")
def two_requests_share_a_refund(run: Evidence) -> None:
    run.observed["after_sales"].append(run.observed["after_sales"][1] | {"after_sale_id": "s9"})


@lie("returned-units-go-where-inspection-says")
def damaged_goods_are_on_the_shelf_again(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s2").update(kind="return_and_refund")


@lie("stock-is-what-was-sold")
def new_goods_of_an_exchange_leave_the_stock_as_it_was(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s1")["lines"][0]["restockable_quantity"] = 0


@lie("stock-is-what-was-sold")
def an_exchange_that_waits_holds_nothing(run: Evidence) -> None:
    run.of("after_sales", "after_sale_id", "s3").update(status="replacing")


@lie("closed-orders-never-ship")
def a_closed_order_ships(run: Evidence) -> None:
    run.observed["shipments"].append({"shipment_id": "p3", "order_id": "o3", "tracking_number": "Z3"})


@lie("closed-orders-never-ship")
def more_ships_than_was_bought(run: Evidence) -> None:
    run.order("o1")["lines"][0]["shipped_quantity"] = 3


@lie("acknowledged-shipment-is-kept")
def a_parcel_is_lost(run: Evidence) -> None:
    run.observed["shipments"].clear()


@lie("acknowledged-shipment-is-kept")
def a_parcel_is_sent_twice(run: Evidence) -> None:
    run.observed["shipments"].append(run.observed["shipments"][0] | {"shipment_id": "p2"})


@lie("acknowledged-receipt-is-kept")
def a_receipt_is_lost(run: Evidence) -> None:
    run.order("o1").update(status="shipped")


@lie("stock-is-what-was-sold")
def a_sale_leaves_the_stock_as_it_was(run: Evidence) -> None:
    run.of("stock", "sku_id", "a").update(on_hand=100, available=100, sold=2)


@lie("stock-is-what-was-sold")
def a_closed_order_still_holds_stock(run: Evidence) -> None:
    run.of("stock", "sku_id", "b").update(reserved=2, available=3)


@lie("nothing-is-oversold")
def more_is_sold_than_was_there(run: Evidence) -> None:
    for part in (run.opening, run.observed):
        part["stock"][0]["on_hand"] -= 99
        part["stock"][0]["available"] -= 99


@lie("stock-adjustments-are-kept")
def an_adjustment_is_lost(run: Evidence) -> None:
    run.of("stock", "sku_id", "a").update(on_hand=96, available=96, adjustments=[])


@lie("stock-adjustments-are-kept")
def an_adjustment_is_made_twice(run: Evidence) -> None:
    level = run.of("stock", "sku_id", "a")
    level.update(on_hand=100, available=100, adjustments=level["adjustments"] * 2)


@lie("a-coupon-is-used-once")
def a_coupon_pays_two_orders(run: Evidence) -> None:
    run.order("o4").update(coupon_id="c1")


@lie("coupons-stand-where-orders-say")
def a_closed_order_keeps_its_coupon(run: Evidence) -> None:
    run.observed["members"][0]["coupons"][2].update(state="locked", order_id="o7")


@lie("coupons-stand-where-orders-say")
def a_paid_order_has_not_used_its_coupon(run: Evidence) -> None:
    run.observed["members"][0]["coupons"][0].update(state="available", order_id=None)


@lie("coupons-stand-where-orders-say")
def a_full_refund_does_not_bring_the_coupon_back(run: Evidence) -> None:
    run.observed["members"][0]["coupons"][2].update(state="used", order_id="o5")


@lie("coupon-claims-are-kept")
def a_claimed_coupon_is_lost(run: Evidence) -> None:
    del run.observed["members"][0]["coupons"][2]


@lie("coupon-claims-are-kept")
def a_claim_gives_two_coupons(run: Evidence) -> None:
    coupons = run.observed["members"][0]["coupons"]
    coupons.append(coupons[2] | {"coupon_id": "c4"})
    run.observed["coupon_templates"][0]["issued"] = 4


@lie("templates-give-no-more-than-their-quota")
def more_coupons_are_given_than_there_are(run: Evidence) -> None:
    run.observed["coupon_templates"][0]["total_quota"] = 2


@lie("templates-give-no-more-than-their-quota")
def the_issued_count_is_not_the_coupons(run: Evidence) -> None:
    run.observed["coupon_templates"][0]["issued"] = 4


def _points(run: Evidence) -> Row:
    found: Row = run.observed["members"][0]
    return found


def _more_entries(run: Evidence, *entries: tuple[str, int, str | None]) -> None:
    member = _points(run)
    for kind, points, reason in entries:
        at = member["entries"][0]["at"]
        entry_id = f"e{len(member['entries']) + 1}"
        more = {"kind": kind, "points": points, "reason": reason, "order_id": None, "at": at}
        member["entries"].append({"entry_id": entry_id, **more})
        member["spendable_points"] += points


@lie("points-add-up")
def an_order_earns_twice(run: Evidence) -> None:
    _more_entries(run, ("earn", 33, "order"))


@lie("points-add-up")
def a_closed_order_still_holds_points(run: Evidence) -> None:
    _more_entries(run, ("hold", -30, None))
    _points(run)["held_points"] += 30


@lie("points-entries-sum-to-the-balance")
def the_balance_is_not_its_entries(run: Evidence) -> None:
    _points(run)["entries"][2]["points"] = -90


@lie("growth-adds-up")
def growth_is_counted_twice(run: Evidence) -> None:
    _points(run)["growth"] += 33


@lie("login-points-come-once-a-day")
def a_login_earns_twice_a_day(run: Evidence) -> None:
    _more_entries(run, ("earn", 1, "login"))


@lie("login-points-come-once-a-day")
def an_acknowledged_login_earns_nothing(run: Evidence) -> None:
    _points(run)["entries"].pop(0)
    _points(run)["spendable_points"] -= 1


@lie("points-adjustments-are-kept")
def a_grant_is_lost(run: Evidence) -> None:
    _points(run)["entries"].pop(1)
    _points(run)["spendable_points"] -= 500


@lie("points-adjustments-are-kept")
def a_grant_is_made_twice(run: Evidence) -> None:
    _more_entries(run, ("grant", 500, "grant 1"))


@lie("days-are-counted-right")
def analytics_counts_an_order_twice(run: Evidence) -> None:
    run.observed["days"][0]["values"].update(orders_paid=4, gmv_fen=15_693)


@lie("nothing-is-parked")
def an_event_is_parked(run: Evidence) -> None:
    run.observed["parked"].append(
        {"service": "member", "reaction": "member.settle-order", "event_id": "x", "reason": "ValueError"}
    )


def rules_of(run: Evidence, folder: Path) -> set[str]:
    return {finding.rule for finding in check(run.write(folder))}


def test_a_run_without_fault_gives_no_finding(tmp_path: Path) -> None:
    assert check(clean().write(tmp_path)) == []


@pytest.mark.parametrize(("rule", "spoil"), LIES, ids=[spoil.__name__ for _, spoil in LIES])
def test_every_lie_is_found(rule: str, spoil: Lie, tmp_path: Path) -> None:
    run = clean()
    spoil(run)
    assert rule in rules_of(run, tmp_path)


def test_every_rule_has_a_lie_that_it_must_find() -> None:
    assert {rule for rule, _ in LIES} == RULES.keys()


def test_a_refusal_may_stand_beside_what_was_done_when_all_were_asked_at_once(tmp_path: Path) -> None:
    run = clean()
    coupon = {"coupon_id": "c3", "template_id": "t1"}
    refusal = (409, {"type": "/problems/campaign/coupon-not-claimable"})
    run.call_at_once("claim-coupon", {"template_id": "t1"}, refusal, (201, coupon), refusal, key="key-other")
    assert check(run.write(tmp_path)) == []


def test_what_was_never_answered_may_have_happened_or_not(tmp_path: Path) -> None:
    run = clean()
    grant = {"member_id": MEMBER, "points": 7, "reason": "grant 2"}
    run.call("adjust-points", grant, None, key="key-grant-2")
    for name, happened in (("not", False), ("once", True)):
        folder = tmp_path / name
        folder.mkdir()
        if happened:
            _more_entries(run, ("grant", 7, "grant 2"))
        assert check(run.write(folder)) == []


def test_what_was_never_answered_happens_at_most_once(tmp_path: Path) -> None:
    run = clean()
    grant: dict[str, Any] = {"member_id": MEMBER, "points": 7, "reason": "grant 2"}
    run.call("adjust-points", grant, None, key="key-grant-2")
    _more_entries(run, ("grant", 7, "grant 2"), ("grant", 7, "grant 2"))
    assert rules_of(run, tmp_path) == {"points-adjustments-are-kept"}


def test_the_checker_stands_on_nothing_of_the_product() -> None:
    """It must be able to contradict the shop, so it may not reckon with the shop's own code."""
    program = (
        "import sys, chaos.checker\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & {'services', 'shared', 'gateway', 'simulator', 'deploy'}))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
