"""Every rule that a run must keep, by its id: the name of its function, with hyphens."""

from collections.abc import Callable, Iterator, Mapping

from chaos.checker import (
    after_sales,
    coupons,
    keys,
    numbers,
    orders,
    payments,
    refunds,
    rewards,
    shipping,
    stock,
)
from chaos.checker.case import Case, Fault

Rule = Callable[[Case], Iterator[Fault]]

_ALL: tuple[Rule, ...] = (
    keys.one_key_has_one_answer,
    orders.acknowledged_order_is_kept,
    orders.one_key_is_one_order,
    orders.nobody_gets_an_order_unasked,
    orders.every_order_is_decided,
    orders.prices_add_up,
    orders.what_was_seen_stays_true,
    orders.acknowledged_payment_is_kept,
    payments.money_has_an_order,
    payments.paid_is_paid_or_returned,
    payments.books_agree_by_order,
    payments.payments_agree_with_orders,
    payments.refunds_are_paid_out_once,
    payments.refunds_are_decided,
    payments.a_refund_has_one_number,
    payments.surplus_went_back_once,
    payments.no_payment_gives_back_more_than_it_took,
    payments.cash_books_balance,
    refunds.acknowledged_refund_is_kept,
    refunds.nothing_is_refunded_unasked,
    refunds.orders_count_their_refunds,
    refunds.units_come_back_at_their_price,
    after_sales.acknowledged_after_sale_is_kept,
    after_sales.after_sale_steps_are_kept,
    after_sales.an_after_sale_ends_once,
    after_sales.returned_units_go_where_inspection_says,
    shipping.closed_orders_never_ship,
    shipping.acknowledged_shipment_is_kept,
    shipping.acknowledged_receipt_is_kept,
    stock.stock_is_what_was_sold,
    stock.nothing_is_oversold,
    stock.stock_adjustments_are_kept,
    coupons.a_coupon_is_used_once,
    coupons.coupons_stand_where_orders_say,
    coupons.coupon_claims_are_kept,
    coupons.templates_give_no_more_than_their_quota,
    rewards.points_add_up,
    rewards.points_entries_sum_to_the_balance,
    rewards.growth_adds_up,
    rewards.login_points_come_once_a_day,
    rewards.points_adjustments_are_kept,
    numbers.days_are_counted_right,
    numbers.nothing_is_parked,
)

RULES: Mapping[str, Rule] = {rule.__name__.replace("_", "-"): rule for rule in _ALL}
