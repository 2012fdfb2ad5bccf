"""Nothing but whole, plain wishes gets in (section 4.F, SEC9)."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.order.carts.api import CartLinePut
from services.order.checkout.bodies import CheckoutWish
from services.order.orders.api import OrderCreate
from services.order.refunds.api import RefundCreate
from services.order.shipments.api import ShipmentCreate
from shared.ids import new_id

NO_QUANTITIES: list[Any] = [0, -1, 1.5, 1e2, "1", "１", True, None, 2**63, 10_000]


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
def test_a_strange_quantity_is_refused_everywhere(quantity: Any) -> None:
    line = {"sku_id": str(new_id()), "quantity": quantity}
    units = {"order_line_id": str(new_id()), "quantity": quantity}
    for body, given in (
        (CartLinePut, {"quantity": quantity}),
        (CheckoutWish, {"lines": [line]}),
        (RefundCreate, {"lines": [units], "reason": "不想要了"}),
        (ShipmentCreate, {"carrier": "SF", "tracking_number": "SF1", "lines": [units]}),
    ):
        with pytest.raises(ValidationError):
            body.model_validate(given)


@pytest.mark.parametrize(
    "field", ["price", "unit_price_fen", "status", "user_id", "member_id", "payable_fen"]
)
def test_a_client_cannot_name_price_state_or_member(field: str) -> None:
    wish = {"lines": [{"sku_id": str(new_id()), "quantity": 1}], "quote_fingerprint": "0" * 64}
    OrderCreate.model_validate(wish)
    with pytest.raises(ValidationError):
        OrderCreate.model_validate(wish | {field: 1})
    with pytest.raises(ValidationError):
        CartLinePut.model_validate({"quantity": 1, field: 1})


@pytest.mark.parametrize("use_points", [-1, 1.5, "100", True, 10**13])
def test_strange_points_are_refused(use_points: Any) -> None:
    with pytest.raises(ValidationError):
        CheckoutWish.model_validate({"use_points": use_points})


def test_a_sku_or_line_may_be_listed_once() -> None:
    line = {"sku_id": str(new_id()), "quantity": 1}
    with pytest.raises(ValidationError):
        CheckoutWish.model_validate({"lines": [line, line]})
    units = {"order_line_id": str(new_id()), "quantity": 1}
    with pytest.raises(ValidationError):
        RefundCreate.model_validate({"lines": [units, units], "reason": "破损"})


@pytest.mark.parametrize(
    ("carrier", "tracking_number"), [("顺丰", "SF1"), ("SF", "SF 1"), ("SF", ""), ("", "1")]
)
def test_a_parcel_needs_a_carriers_code_and_a_plain_number(carrier: str, tracking_number: str) -> None:
    with pytest.raises(ValidationError):
        ShipmentCreate.model_validate({"carrier": carrier, "tracking_number": tracking_number})
