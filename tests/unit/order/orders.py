"""Builders of orders, lines, SKUs and what was gathered for a quote."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.order.checkout.proposal import Gathered
from services.order.checkout.wishes import Wish, WishedLine
from services.order.clients.campaign import Offers
from services.order.clients.catalog import Sku
from services.order.clients.member import Address, Level, Standing
from services.order.orders.domain import BoughtLine, Order, OrderStatus, RefundSummary
from services.order.pricing import FreightRule
from shared.ids import new_id

AT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)


def an_order(**values: Any) -> Order:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "order_number": "26030810300012345678",
        "member_id": new_id(),
        "status": OrderStatus.PENDING_PAY,
        "version": 2,
        "goods_fen": 10_000,
        "discount_fen": 1_500,
        "coupon_discount_fen": 1_000,
        "points_used": 0,
        "points_discount_fen": 0,
        "freight_fen": 800,
        "freight_discount_fen": 500,
        "payable_fen": 9_300,
        "refunded_fen": 0,
        "refund_summary": RefundSummary.NONE,
        "coupon_id": None,
        "from_cart": False,
        "close_reason": None,
        "placed_at": AT,
        "expires_at": AT + timedelta(minutes=15),
        "paid_at": None,
        "shipped_at": None,
        "completed_at": None,
        "closed_at": None,
    }
    return Order(**(defaults | values))


def a_bought_line(**values: Any) -> BoughtLine:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "sku_id": new_id(),
        "sku_code": "MUG-WHITE",
        "product_id": new_id(),
        "product_name": "马克杯",
        "options": {"颜色": "白"},
        "image_url": None,
        "category_ids": (new_id(), new_id()),
        "unit_price_fen": 1_000,
        "quantity": 3,
        "payable_fen": 3_000,
        "points_used": 0,
        "after_sale_policy": None,
    }
    return BoughtLine(**(defaults | values))


def a_sku(**values: Any) -> Sku:
    defaults: dict[str, Any] = {
        "sku_id": new_id(),
        "sku_code": "MUG-WHITE",
        "product_id": new_id(),
        "product_name": "马克杯",
        "options": {"颜色": "白"},
        "image_url": None,
        "category_ids": (new_id(),),
        "unit_price_fen": 1_000,
        "market_price_fen": None,
        "is_on_sale": True,
        "available": 10,
        "after_sale_policy": None,
    }
    return Sku(**(defaults | values))


NO_OFFERS = Offers(full_reductions=(), coupon=None, coupon_problem=None, usable_coupons=())
AN_ADDRESS = Address(
    address_id=UUID(int=7),
    recipient="王小明",
    phone="13800138000",
    province="云南省",
    city="昆明市",
    district="盘龙区",
    street="北京路 1 号",
)


def a_standing(**values: Any) -> Standing:
    defaults: dict[str, Any] = {
        "level": Level(code="silver", name="银卡", discount_bp=9_500),
        "spendable_points": 500,
        "points_per_yuan": 100,
        "points_max_ratio_bp": 5_000,
        "default_address": AN_ADDRESS,
    }
    return Standing(**(defaults | values))


def gathered(*skus: Sku, quantity: int = 2, **values: Any) -> Gathered:
    """Everything there, two of each SKU wished."""
    defaults: dict[str, Any] = {
        "wish": Wish(),
        "lines": [WishedLine(sku.sku_id, quantity) for sku in skus],
        "skus": {sku.sku_id: sku for sku in skus},
        "freight": FreightRule(fee_fen=800, free_from_fen=9_900),
        "standing": a_standing(),
        "offers": NO_OFFERS,
        "address": AN_ADDRESS,
    }
    return Gathered(**(defaults | values))
