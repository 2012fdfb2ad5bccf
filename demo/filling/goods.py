"""The demo's range of goods, put into the shop as its owner would: policies, categories, pictures, products."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.client import Client
from demo.pictures import gallery
from demo.shop import Product, Shop

DEFAULT_POLICY = "seven_days"
"""What covers goods that name no policy of their own."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A product as shoppers meet it: the ids the shop gave, and its lowest price."""

    product_id: str
    category_id: str
    price_fen: int


@dataclass(frozen=True, slots=True)
class Goods:
    """What the shop calls the demo's things: categories by key, products by product code, SKU ids by SKU code."""

    categories: dict[str, str]
    products: dict[str, Shown]
    skus: dict[str, str]


async def add_goods(owner: Client, shop: Shop, show: Callable[[str], None]) -> Goods:
    """Add everything that is sold."""
    goods = Goods({}, {}, {})
    for policy in shop.after_sale_policies:
        await owner.post(
            "/operator/after-sale-policies",
            {
                "key": policy.key,
                "title": policy.title,
                "text": policy.text,
                "days": policy.days,
                "is_default": policy.key == DEFAULT_POLICY,
            },
        )
    for sort, category in enumerate(shop.categories):
        added = await owner.post(
            "/operator/categories",
            {
                "name": category.name,
                "parent_id": goods.categories[category.parent] if category.parent else None,
                "icon_url": category.icon,
                "is_tab": category.parent is None,
                "sort": sort,
            },
        )
        goods.categories[category.key] = added["category_id"]
    pictures = list(gallery(shop))
    for done, (path, svg) in enumerate(pictures, start=1):
        await owner.put_bytes(f"/operator{path}", svg.encode(), content_type="image/svg+xml")
        show(f"pictures {done}/{len(pictures)}")
    for done, product in enumerate(shop.products, start=1):
        await _add_product(owner, product, goods)
        show(f"products {done}/{len(shop.products)}")
    return goods


async def _add_product(owner: Client, product: Product, goods: Goods) -> None:
    category_id = goods.categories[product.category]
    added = await owner.post("/operator/products", _wanted(product, category_id))
    path = f"/operator/products/{added['product_id']}"
    if product.status != "draft":
        await owner.post(f"{path}/publish")
    if product.status == "off_sale":
        await owner.post(f"{path}/unpublish")
    price_fen = min(sku.price_fen for sku in product.skus)
    goods.products[product.code] = Shown(added["product_id"], category_id, price_fen)
    goods.skus.update({sku["sku_code"]: sku["sku_id"] for sku in added["skus"]})


def _wanted(product: Product, category_id: str) -> dict[str, Any]:
    facts = dict(product.attributes)
    if product.ingredients:
        facts["全成分"] = "、".join(product.ingredients)
    return {
        "product_code": product.code,
        "name": product.name,
        "category_id": category_id,
        "subtitle": product.subtitle,
        "brand": product.brand,
        "description": product.description,
        "options": [{"name": name, "values": list(values)} for name, values in product.options.items()],
        "media": [
            {"kind": "image", "url": image.path, "alt": image.alt, "width": 800, "height": 800}
            for image in product.images
        ],
        "attributes": [{"name": name, "value": value} for name, value in facts.items()],
        "keywords": list(product.keywords),
        "after_sale_policy_key": product.after_sale,
        "skus": [
            {
                "sku_code": sku.code,
                "options": dict(zip(product.options, sku.options, strict=True)),
                "price_fen": sku.price_fen,
                "market_price_fen": sku.market_price_fen,
                "weight_grams": sku.weight_grams,
                "stock": sku.stock,
            }
            for sku in product.skus
        ],
    }
