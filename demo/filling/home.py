"""The demo's home page, in the shop's own words."""

from typing import Any

from demo.client import Client
from demo.filling.goods import Goods
from demo.shop import Shop, Target

PAGES = {"coupons": "/pages/coupons", "membership": "/pages/membership"}


async def arrange_home(owner: Client, shop: Shop, goods: Goods) -> None:
    """Lay the home page out (LG-06)."""
    home = shop.home
    await owner.put(
        "/operator/storefront",
        {
            "banners": [
                {
                    "image_url": banner.image,
                    "alt": f"{banner.title}，{banner.subtitle}",
                    "target": _target(banner.target, goods),
                }
                for banner in home.banners
            ],
            "entries": [
                {"name": entry.title, "icon_url": entry.icon, "target": _target(entry.target, goods)}
                for entry in home.entries
            ],
            "featured_category_ids": [goods.categories[featured.category] for featured in home.featured],
            "hot_words": list(home.hot_words),
        },
    )


def _target(target: Target, goods: Goods) -> dict[str, Any]:
    match target.kind, target.key:
        case "category", str(key):
            return {"kind": "category", "value": goods.categories[key]}
        case "product", str(code):
            return {"kind": "product", "value": goods.products[code].product_id}
        case "search", words:
            return {"kind": "search", "value": words}
        case page, _:
            return {"kind": "page", "value": PAGES[page]}
