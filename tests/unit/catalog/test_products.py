"""When a product may be sold, and what its SKUs must choose (PD-01)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.catalog.products.domain import (
    IllegalProductStatus,
    Product,
    ProductNotReady,
    ProductStatus,
    Sku,
    check_choices,
)
from shared.http.problems import Invalid
from shared.ids import new_id

AT = datetime(2026, 3, 8, tzinfo=UTC)
COLOURS = [{"name": "颜色", "values": ["白", "黑"]}]


def a_product(**more: object) -> Product:
    values: dict[str, object] = {
        "product_code": "P1",
        "name": "杯",
        "category_id": new_id(),
        "options": COLOURS,
    }
    return Product(id=new_id(), **values | more)  # type: ignore[arg-type]


def a_sku(code: str = "P1-1", **more: object) -> Sku:
    values: dict[str, object] = {"options": {"颜色": "白"}, "price_fen": 100}
    return Sku(id=new_id(), product_id=new_id(), sku_code=code, **values | more)  # type: ignore[arg-type]


def test_a_draft_with_something_to_sell_goes_on_sale_off_and_on_again() -> None:
    on_sale = a_product().publish(skus=[a_sku()], at=AT)
    again = on_sale.unpublish().publish(skus=[a_sku()], at=AT + timedelta(days=1))
    assert (on_sale.status, again.status) == (ProductStatus.ON_SALE, ProductStatus.ON_SALE)
    assert again.published_at == AT


def test_a_product_without_an_active_sku_stays_off_sale() -> None:
    with pytest.raises(ProductNotReady):
        a_product().publish(skus=[a_sku(is_active=False)], at=AT)


@pytest.mark.parametrize("status", [ProductStatus.DRAFT, ProductStatus.OFF_SALE])
def test_only_what_is_on_sale_can_be_taken_off(status: ProductStatus) -> None:
    with pytest.raises(IllegalProductStatus):
        a_product(status=status).unpublish()


def test_what_is_on_sale_cannot_be_published_again() -> None:
    with pytest.raises(IllegalProductStatus):
        replace(a_product(), status=ProductStatus.ON_SALE).publish(skus=[a_sku()], at=AT)


def test_each_sku_chooses_a_known_value_for_each_option_and_no_two_the_same() -> None:
    check_choices(a_product(), [a_sku(), a_sku("P1-2", options={"颜色": "黑"})])
    check_choices(a_product(), [a_sku(), a_sku("P1-2", is_active=False)])
    for wrong in ({}, {"颜色": "红"}, {"颜色": "黑", "尺码": "M"}, {"尺码": "M"}, {"颜色": "白"}):
        with pytest.raises(Invalid):
            check_choices(a_product(), [a_sku(), a_sku("P1-2", options=wrong)])
