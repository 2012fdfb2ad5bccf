"""What the chaos shop sells and gives away, put in through the operators' API."""

from dataclasses import dataclass, field
from typing import Any

from chaos.calls import Actor, Answer
from shared.ids import new_id

PRICES_FEN = (1_999, 3_333, 4_990, 6_667, 8_888, 12_901)
"""Prices that do not divide well."""

PLENTY = 1_000_000
ORDERS_A_HOT_UNIT = 40
ORDERS_A_SCARCE_COUPON = 20
PAY_TIMEOUT_SECONDS = 20
AUTO_RECEIVE_SECONDS = 10 * 86_400


@dataclass(frozen=True, slots=True)
class Goods:
    """The ids that shoppers choose from."""

    sku_ids: list[str] = field(default_factory=list)
    template_ids: list[str] = field(default_factory=list)
    hot_sku_id: str = ""
    scarce_template_id: str = ""


async def stock_the_shop(operator: Actor, *, orders: int) -> Goods:
    """Make goods, coupons and rules for a run of so many orders; the last SKU is hot and soon sold out."""
    category = await _made(operator, "/operator/categories", {"name": "混沌货架"})
    skus: list[str] = []
    for number, price_fen in enumerate(PRICES_FEN):
        skus += await _product(operator, category["category_id"], f"CHAOS-{number}", price_fen, PLENTY)
    (hot,) = (
        await _product(
            operator, category["category_id"], "CHAOS-HOT", 2_500, max(2, orders // ORDERS_A_HOT_UNIT)
        )
    )[:1]
    templates = [
        await _template(
            operator, {"kind": "amount", "amount_fen": 500, "threshold_fen": 3_000}, orders * 9, 9
        ),
        await _template(operator, {"kind": "percent", "discount_bp": 9_000, "cap_fen": 1_500}, orders * 9, 9),
        await _template(operator, {"kind": "freight"}, orders * 9, 9),
    ]
    scarce = await _template(
        operator, {"kind": "amount", "amount_fen": 1_000}, max(2, orders // ORDERS_A_SCARCE_COUPON), 1
    )
    await _done(
        operator,
        "PUT",
        "/operator/order-rules",
        {"pay_timeout_seconds": PAY_TIMEOUT_SECONDS, "auto_receive_seconds": AUTO_RECEIVE_SECONDS},
    )
    return Goods([*skus, hot], [*templates, scarce], hot, scarce)


async def _product(operator: Actor, category_id: str, code: str, price_fen: int, stock: int) -> list[str]:
    sizes = ["大", "小"]
    product = await _made(
        operator,
        "/operator/products",
        {
            "product_code": code,
            "name": f"混沌商品 {code}",
            "category_id": category_id,
            "options": [{"name": "规格", "values": sizes}],
            "media": [],
            "skus": [
                {
                    "sku_code": f"{code}-{number}",
                    "options": {"规格": size},
                    "price_fen": price_fen + 111 * number,
                    "stock": stock,
                    "weight_grams": 300,
                }
                for number, size in enumerate(sizes)
            ],
        },
    )
    await _done(operator, "POST", f"/operator/products/{product['product_id']}/publish")
    return [sku["sku_id"] for sku in product["skus"]]


async def _template(operator: Actor, worth: dict[str, Any], quota: int, each: int) -> str:
    name = f"混沌券 {new_id().hex[-6:]}"
    template = await _made(
        operator,
        "/operator/coupon-templates",
        {
            **worth,
            "name": name,
            "scope": {"kind": "all"},
            "total_quota": quota,
            "per_member_limit": each,
            "valid_days": 7,
        },
    )
    await _done(operator, "POST", f"/operator/coupon-templates/{template['template_id']}/start")
    return str(template["template_id"])


async def _made(operator: Actor, path: str, body: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await _done(operator, "POST", path, body)).body
    return found


async def _done(operator: Actor, method: str, path: str, body: Any = None) -> Answer:
    answer = await operator.ask(method, path, body)
    if not answer.is_done:
        raise RuntimeError(f"the shop could not be stocked: {method} {path} → {answer.status} {answer.body}")
    return answer
