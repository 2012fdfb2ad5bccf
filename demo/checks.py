"""What must be true of the demo's shop beyond the types of its fields."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final

from demo.promotions import CouponTemplate, Scope
from demo.shapes import SHAPES
from demo.shop import Banner, Entry, Product, Shop, Target

BANNED: Final = re.compile(
    "最|第一(?!层)|国家级|世界级|顶级|极品|极致|唯一|首选|冠军|王牌|绝对|永久|万能|史上|销量领先|全网|驰名|特供|100%有效|"
    "治疗|疗效|药用|根治|抗癌|降血[糖压脂]|减肥|祛斑|祛痘|美白|防脱|消炎|杀菌|抗菌|排毒|补血|养胃|免疫力"
)
"""Absolute words of advertising and medical claims (Advertising Law, articles 9 and 17), which the demo never uses."""

_MARKET_PRICE_LIMIT: Final = 1.25
"""A market price further above the price than this would look like an invented discount."""


def faults(shop: Shop) -> Iterator[str]:
    """Every fault of the shop, each as one sentence; nothing when all is well."""
    rules: tuple[Callable[[Shop], Iterable[str]], ...] = (
        _names,
        _categories,
        _products,
        _home,
        _promotions,
        _levels,
    )
    for rule in rules:
        yield from rule(shop)


def _names(shop: Shop) -> Iterator[str]:
    named = {
        "category": [category.key for category in shop.categories],
        "after-sale policy": [policy.key for policy in shop.after_sale_policies],
        "coupon": [coupon.key for coupon in shop.coupons],
        "full reduction": [reduction.key for reduction in shop.full_reductions],
        "member level": [level.key for level in shop.member_levels],
        "banner": [banner.key for banner in shop.home.banners],
        "product code": [product.code for product in shop.products],
        "product name": [product.name for product in shop.products],
        "SKU code": [sku.code for product in shop.products for sku in product.skus],
    }
    for what, names in named.items():
        yield from (f"The {what} {name} is used {n} times." for name, n in Counter(names).items() if n > 1)


def _categories(shop: Shop) -> Iterator[str]:
    for category in shop.categories:
        if category.shape not in SHAPES:
            yield f"Category {category.key} is drawn as {category.shape}, which is no shape."
        try:
            depth = len(shop.category_path(category.key))
        except KeyError:
            yield f"Category {category.key} hangs under {category.parent}, which leads to no root."
        else:
            if depth > 3:
                yield f"Category {category.key} is {depth} levels deep; three are allowed."


def _products(shop: Shop) -> Iterator[str]:
    leaves = {category.key for category in shop.leaves}
    policies = {policy.key for policy in shop.after_sale_policies}
    for product in shop.products:
        if product.category not in leaves:
            yield f"{product.code} is in {product.category}, which is no leaf category."
        if product.after_sale not in policies:
            yield f"{product.code} has the after-sale policy {product.after_sale}, which does not exist."
        if product.shape not in SHAPES:
            yield f"{product.code} is drawn as {product.shape}, which is no shape."
        if not any(word in product.name for word in product.keywords):
            yield f"{product.code} has none of its keywords in its name."
        yield from _skus(product)
        texts = (
            product.name,
            product.subtitle,
            product.description,
            *product.attributes.values(),
            *product.keywords,
        )
        yield from (
            f"{product.code} says {w!r}, a banned word." for text in texts for w in BANNED.findall(text)
        )


def _skus(product: Product) -> Iterator[str]:
    for sku in product.skus:
        if not sku.code.startswith(product.code + "-"):
            yield f"SKU {sku.code} does not begin with its product's code {product.code}."
        if len(sku.options) != len(product.options):
            yield f"SKU {sku.code} chooses {len(sku.options)} options where its product has {len(product.options)}."
        if sku.market_price_fen and not 1 < sku.market_price_fen / sku.price_fen <= _MARKET_PRICE_LIMIT:
            yield f"SKU {sku.code} has a market price of {sku.market_price_fen} fen against {sku.price_fen} fen."
        for (name, values), value in zip(product.options.items(), sku.options, strict=False):
            if value not in values:
                yield f"SKU {sku.code} chooses {name} {value}, which its product does not offer."
    for place, (name, values) in enumerate(product.options.items()):
        chosen = {sku.options[place] for sku in product.skus if place < len(sku.options)}
        yield from (
            f"{product.code} offers {name} {value} but no SKU has it."
            for value in values
            if value not in chosen
        )
    for choice, n in Counter(sku.options for sku in product.skus).items():
        if n > 1:
            yield f"{product.code} has {n} SKUs for the choice {' / '.join(choice) or 'without options'}."


def _home(shop: Shop) -> Iterator[str]:
    leaves = {category.key for category in shop.leaves}
    items: tuple[Banner | Entry, ...] = (*shop.home.banners, *shop.home.entries)
    for item in items:
        if item.shape not in SHAPES:
            yield f"{item.title} on the home page is drawn as {item.shape}, which is no shape."
        if not _leads_somewhere(shop, item.target):
            yield f"{item.title} on the home page leads to {item.target.kind} {item.target.key}, which does not exist."
    yield from (
        f"The home page features {f.category}, no leaf category."
        for f in shop.home.featured
        if f.category not in leaves
    )
    yield from (
        f"The hot word {word} finds no product on sale."
        for word in shop.home.hot_words
        if not _finds(shop, word)
    )


def _leads_somewhere(shop: Shop, target: Target) -> bool:
    match target.kind:
        case "category":
            return any(target.key == category.key for category in shop.categories)
        case "product":
            return any(target.key == product.code for product in shop.products)
        case "search":
            return target.key is not None and _finds(shop, target.key)
        case _:
            return target.key is None


def _finds(shop: Shop, word: str) -> bool:
    return any(
        product.status == "on_sale" and (word in product.name or word in product.keywords)
        for product in shop.products
    )


def _promotions(shop: Shop) -> Iterator[str]:
    for coupon in shop.coupons:
        yield from _scope(shop, f"Coupon {coupon.key}", coupon.scope)
        if not _is_whole(coupon):
            yield f"Coupon {coupon.key} of kind {coupon.kind} has the wrong amounts for its kind."
    for reduction in shop.full_reductions:
        yield from _scope(shop, f"Full reduction {reduction.key}", reduction.scope)
        sums = [tier.threshold_fen for tier in reduction.tiers if tier.threshold_fen]
        pieces = [tier.threshold_quantity for tier in reduction.tiers if tier.threshold_quantity]
        if sorted((len(sums), len(pieces))) != [0, len(reduction.tiers)]:
            yield f"Full reduction {reduction.key} must count either sums or pieces in all its tiers."
        steps = list(zip(sums or pieces, (tier.reduction_fen for tier in reduction.tiers), strict=False))
        if any(not (a < c and b < d) for (a, b), (c, d) in pairwise(steps)):
            yield f"Full reduction {reduction.key} must give more with each tier."


def _is_whole(coupon: CouponTemplate) -> bool:
    if coupon.kind == "percent":
        return None not in (coupon.discount_bp, coupon.cap_fen) and coupon.reduction_fen is None
    below = coupon.kind == "freight" or (coupon.reduction_fen or 0) < coupon.threshold_fen
    return coupon.reduction_fen is not None and below and (coupon.discount_bp, coupon.cap_fen) == (None, None)


def _scope(shop: Shop, who: str, scope: Scope) -> Iterator[str]:
    known = {
        "shop": set[str](),
        "category": {category.key for category in shop.categories},
        "product": {product.code for product in shop.products},
    }[scope.kind]
    if (scope.kind == "shop") != (not scope.keys) or not known.issuperset(scope.keys):
        yield f"{who} applies to {scope.kind} {', '.join(scope.keys)}, which does not exist."


def _levels(shop: Shop) -> Iterator[str]:
    thresholds = [level.growth_threshold for level in shop.member_levels]
    if thresholds[:1] != [0] or sorted(set(thresholds)) != thresholds:
        yield "The member levels must begin at growth 0 and rise."
    coupons = {coupon.key for coupon in shop.coupons}
    for level in shop.member_levels:
        for perk in level.perks:
            if perk.coupon is not None and perk.coupon not in coupons:
                yield f"Level {level.key} gives the coupon {perk.coupon}, which does not exist."
