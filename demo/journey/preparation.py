"""What the merchant prepares: goods, coupons and a full reduction of the journey's own, so that every fen is known."""

from typing import Any

from demo.journey.stage import Stage

PRICES = {"bean-250": 9_999, "bean-100": 3_333}
"""Unit prices that do not divide well, in fen; the kettle's price follows from the silver level's threshold."""

STOCK = 5
TIERS = [(15_000, 3_333), (50_000, 8_888)]
COUPONS: dict[str, dict[str, int | str]] = {
    "amount": {"kind": "amount", "name": "旅程满100减5元", "threshold_fen": 10_000, "amount_fen": 500},
    "percent": {
        "kind": "percent",
        "name": "旅程9折(最多减15元)",
        "threshold_fen": 5_000,
        "discount_bp": 9_000,
        "cap_fen": 1_500,
    },
    "freight": {"kind": "freight", "name": "旅程运费券"},
}


COLOURS = {"kettle": b"#8a9a8b", "beans": b"#6f4e37"}
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400">'
    b'<rect width="400" height="400" fill="#f6f2ec"/><circle cx="200" cy="200" r="120" fill="%b"/></svg>'
)


async def prepare(stage: Stage) -> None:
    """Make what the journey buys and uses; everything is the operator API through the gateway."""
    merchant, story = stage.merchant, stage.story
    stage.levels = (await merchant.get("/operator/member-levels"))["levels"]
    stage.point_rules = await merchant.get("/operator/point-rules")
    rule = await merchant.get("/operator/freight-rule")
    stage.freight = (rule["fee_fen"], rule["free_from_fen"])
    category = await merchant.post("/operator/categories", {"name": f"旅程咖啡 {stage.suffix}"})
    stage.category_id = category["category_id"]
    for code, colour in COLOURS.items():
        await merchant.put_bytes(_picture(code), PICTURE % colour, content_type="image/svg+xml")
    await _add_goods(stage)
    scope = {"kind": "categories", "ids": [stage.category_id]}
    for name, terms in COUPONS.items():
        template = await merchant.post(
            "/operator/coupon-templates", {**terms, "scope": scope, "total_quota": 10, "valid_days": 1}
        )
        stage.template_ids[name] = template["template_id"]
        await merchant.post(f"/operator/coupon-templates/{template['template_id']}/start")
    reduction = await merchant.post(
        "/operator/full-reductions",
        {
            "name": f"旅程满减 {stage.suffix}",
            "scope": scope,
            "tiers": [{"threshold_fen": threshold, "reduction_fen": off} for threshold, off in TIERS],
        },
    )
    stage.full_reduction_id = reduction["full_reduction_id"]
    await merchant.post(f"/operator/full-reductions/{stage.full_reduction_id}/start")
    story.ours(*stage.product_ids.values())
    story.tell("2 products with 3 SKUs, 3 coupon templates and a full reduction, in a category of their own")
    await story.events("ProductChanged", "ProductChanged")


async def _add_goods(stage: Stage) -> None:
    """A kettle dear enough to lift a new member to silver, and beans in two sizes."""
    silver = stage.levels[1]["threshold_growth"]
    prices = {"kettle": silver * 100 + TIERS[1][1] + 500 + 12_345, **PRICES}
    goods: dict[str, tuple[str, list[Any], list[tuple[str, dict[str, str]]]]] = {
        "kettle": ("旅程手冲壶", [], [("kettle", {})]),
        "beans": (
            "旅程云南小粒咖啡豆",
            [{"name": "规格", "values": ["250g", "100g"]}],
            [("bean-250", {"规格": "250g"}), ("bean-100", {"规格": "100g"})],
        ),
    }
    for code, (name, options, skus) in goods.items():
        product = await stage.merchant.post(
            "/operator/products",
            {
                "product_code": f"JOURNEY-{code}-{stage.suffix}",
                "name": f"{name} {stage.suffix}",
                "subtitle": "为旅程准备",
                "category_id": stage.category_id,
                "options": options,
                "media": [{"kind": "image", "url": _picture(code).removeprefix("/operator"), "alt": name}],
                "keywords": ["手冲", "咖啡"],
                "skus": [
                    {
                        "sku_code": f"JOURNEY-{sku}-{stage.suffix}",
                        "options": chosen,
                        "price_fen": prices[sku],
                        "stock": STOCK,
                        "weight_grams": 300,
                    }
                    for sku, chosen in skus
                ],
            },
        )
        stage.product_ids[code] = product["product_id"]
        by_code = {sku["sku_code"]: sku["sku_id"] for sku in product["skus"]}
        for sku, _ in skus:
            stage.sku_ids[sku] = by_code[f"JOURNEY-{sku}-{stage.suffix}"]
        await stage.merchant.post(f"/operator/products/{product['product_id']}/publish")


def prices_of(stage: Stage) -> dict[str, int]:
    """Unit prices by our own names."""
    silver = stage.levels[1]["threshold_growth"]
    return {"kettle": silver * 100 + TIERS[1][1] + 500 + 12_345, **PRICES}


async def tidy_up(stage: Stage) -> None:
    """Take the journey's goods off sale and stop its offers: the shop's own range is what visitors should see."""
    merchant, story = stage.merchant, stage.story
    for product_id in stage.product_ids.values():
        await merchant.post(f"/operator/products/{product_id}/unpublish")
    for template_id in stage.template_ids.values():
        await merchant.post(f"/operator/coupon-templates/{template_id}/stop")
    await merchant.post(f"/operator/full-reductions/{stage.full_reduction_id}/stop")
    story.tell("The journey's goods are off sale again, its offers stopped.")


def _picture(code: str) -> str:
    return f"/operator/media/journey/{code}.svg"
