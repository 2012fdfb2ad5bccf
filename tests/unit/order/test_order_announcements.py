"""What the others are told adds up (M5)."""

from services.order.orders.announce import order_paid, order_placed
from services.order.orders.domain import OrderStatus
from shared.ids import new_id
from tests.unit.order.orders import AT, a_bought_line, an_order


def test_lines_and_freight_of_a_paid_order_sum_to_what_was_paid_even_with_a_freight_coupon() -> None:
    coupon_id = new_id()
    order = an_order(
        status=OrderStatus.PAID,
        goods_fen=10_000,
        discount_fen=1_500,
        coupon_discount_fen=0,
        freight_fen=800,
        freight_discount_fen=500,
        payable_fen=9_300,
        coupon_id=coupon_id,
        paid_at=AT,
    )
    lines = [a_bought_line(payable_fen=4_000), a_bought_line(payable_fen=5_000)]
    event = order_paid(order, lines)
    assert (event.goods_fen, event.discount_fen, event.freight_fen) == (10_000, 1_000, 300)
    assert event.payable_fen == event.goods_fen - event.discount_fen + event.freight_fen == 9_300
    assert event.payable_fen == sum(line.payable_fen for line in event.lines) + event.freight_fen
    assert (event.coupon_id, event.coupon_discount_fen) == (coupon_id, 500)


def test_a_placed_order_is_told_by_its_own_category_of_each_line() -> None:
    line = a_bought_line()
    (told,) = order_placed(an_order(), [line]).lines
    assert told.model_dump() == {
        "order_line_id": line.id,
        "sku_id": line.sku_id,
        "product_id": line.product_id,
        "category_id": line.category_ids[0],
        "quantity": 3,
        "unit_price_fen": 1_000,
        "payable_fen": 3_000,
    }
