"""Plausible weeks in the demo's shop: who came, what they looked at, what they bought. Pure; one seed, one plan.

Conversion is paid orders to product views. Nicknames and addresses are invented; the phone numbers begin with 154, a
range that no carrier has been given.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from math import ceil
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from demo.shop import Product, Shop, Sku
from demo.shoppers import CHANNELS, Shopper, shoppers
from demo.visits import Abandoned, Action, Behaviour, Cancelled, Line, Order, Paid, Refund, Visit

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

# How busy an hour of the day and a day of the week (from Monday) are, on a phone in China.
_HOURS: Final = (2, 1, 1, 0, 0, 1, 3, 7, 9, 10, 11, 13, 18, 14, 10, 10, 10, 11, 12, 15, 22, 25, 20, 9)
_WEEKDAYS: Final = (0.86, 0.84, 0.9, 0.92, 1.06, 1.24, 1.18)
_WEEKLY_GROWTH: Final = 1.12
_ORDER_RATE: Final = 0.32
_IDLE_CART_RATE: Final = 0.18
_CANCEL_REASONS: Final = ("地址填错了", "想换个规格", "忘了用券", "暂时不需要了")
_REFUND_REASONS: Final = ("收到有破损", "少发了一件", "颜色和想的不一样", "尺码不合适", "有坏果")


def plan(
    shop: Shop, *, seed: int, start: date, weeks: int, people: int = 60, visits_a_week: int = 125
) -> Iterator[Visit]:
    """The visits of `weeks` weeks from the shop day `start`, in order of time; the mean week has `visits_a_week`.

    Never more of a SKU is ordered than the shop has to begin with.
    """
    random = Random(seed)
    crowd = shoppers(random, count=people, weeks=weeks)
    shelf = _Shelf(shop, random)
    for at in _instants(random, start=start, weeks=weeks, visits_a_week=visits_a_week):
        week = (at.astimezone(SHANGHAI).date() - start).days // 7
        present = [shopper for shopper in crowd if shopper.first_week <= week]
        [shopper] = random.choices(present, weights=[shopper.eagerness for shopper in present])
        yield _visit(random, shelf, shopper, at)


def _instants(random: Random, *, start: date, weeks: int, visits_a_week: int) -> list[datetime]:
    days = [start + timedelta(days=n) for n in range(7 * weeks)]
    weights = [_WEEKLY_GROWTH ** (n / 7) * _WEEKDAYS[day.weekday()] for n, day in enumerate(days)]
    chosen = random.choices(days, weights=weights, k=weeks * visits_a_week)
    return sorted(
        datetime.combine(
            day,
            time(random.choices(range(24), weights=_HOURS)[0], random.randrange(60), random.randrange(60)),
            tzinfo=SHANGHAI,
        ).astimezone(UTC)
        for day in chosen
    )


class _Shelf:
    """What can be bought, how popular it is (Zipf), and how much of it is left."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self.hot_words = shop.home.hot_words
        self.products = [product for product in shop.products if product.status == "on_sale"]
        self.roots = {product.code: shop.category_path(product.category)[0].key for product in self.products}
        random.shuffle(self.products)
        self.popularity = [1 / rank**0.9 for rank in range(1, len(self.products) + 1)]
        self._left = {sku.code: sku.stock for product in self.products for sku in product.skus}

    def pick(self, random: Random, taste: str) -> Product:
        """A product by its popularity, four times as likely where the shopper's taste lies."""
        weights = (
            weight * (4 if self.roots[product.code] == taste else 1)
            for product, weight in zip(self.products, self.popularity, strict=True)
        )
        return random.choices(self.products, cum_weights=list(accumulate(weights)))[0]

    def found(self, keyword: str) -> list[Product]:
        return [
            product for product in self.products if keyword in product.name or keyword in product.keywords
        ]

    def take(self, random: Random, product: Product) -> Line | None:
        """A SKU of the product, one to three pieces when cheap, one when dear; None when nothing is left."""
        skus = [sku for sku in product.skus if self._left[sku.code] > 0]
        if not skus:
            return None
        sku: Sku = random.choices(skus, weights=range(len(skus), 0, -1))[0]
        wanted = random.choices((1, 2, 3), weights=(70, 22, 8))[0] if sku.price_fen < 10_000 else 1
        line = Line(sku_code=sku.code, quantity=min(wanted, self._left[sku.code]))
        self._left[sku.code] -= line.quantity
        return line


def _visit(random: Random, shelf: _Shelf, shopper: Shopper, at: datetime) -> Visit:
    now = at
    behaviours: list[Behaviour] = []
    keyword = random.choice(shelf.hot_words) if random.random() < 0.3 else None
    viewed = _looked_at(random, shelf, shopper, keyword)

    def then(
        action: Action,
        page: str,
        *,
        keyword: str | None = None,
        product: Product | None = None,
        line: Line | None = None,
    ) -> None:
        nonlocal now
        behaviours.append(
            Behaviour(
                at=now,
                action=action,
                page=page,
                product_code=product.code if product else None,
                sku_code=line.sku_code if line else None,
                quantity=line.quantity if line else None,
                keyword=keyword,
            )
        )
        now += timedelta(seconds=random.randint(4, 75))

    then("page_view", "pages/home")
    if keyword:
        then("search", "pages/search", keyword=keyword)
    elif random.random() < 0.6:
        then("page_view", "pages/category")
    for product in viewed:
        then("product_view", "pages/product", product=product)
    lines = _wanted(random, shelf, viewed) if random.random() < _ORDER_RATE * shopper.decisiveness else []
    for product, line in lines:
        then("add_to_cart", "pages/product", product=product, line=line)
    if not lines and random.random() < _IDLE_CART_RATE:
        product = random.choice(viewed)
        then("add_to_cart", "pages/product", product=product, line=Line(product.skus[0].code, 1))
    if lines or random.random() < 0.06:
        then("page_view", "pages/cart")
    if lines:
        then("checkout_start", "pages/checkout")
    [channel] = random.choices(CHANNELS, weights=[channel.weight for channel in CHANNELS])
    order = _order(random, tuple(line for _, line in lines), now) if lines else None
    return Visit(at=at, shopper=shopper, channel=channel, behaviours=tuple(behaviours), order=order)


def _looked_at(random: Random, shelf: _Shelf, shopper: Shopper, keyword: str | None) -> list[Product]:
    count = min(22, 1 + ceil(random.expovariate(1 / 5.5)))
    picked = shelf.found(keyword)[:2] if keyword else []
    picked += [shelf.pick(random, shopper.taste) for _ in range(count)]
    return list({product.code: product for product in picked}.values())


def _wanted(random: Random, shelf: _Shelf, viewed: list[Product]) -> list[tuple[Product, Line]]:
    count = random.choices((1, 2, 3, 4), weights=(52, 28, 14, 6))[0]
    taken = (
        (product, shelf.take(random, product)) for product in random.sample(viewed, min(count, len(viewed)))
    )
    return [(product, line) for product, line in taken if line]


def _order(random: Random, lines: tuple[Line, ...], at: datetime) -> Order:
    uses_coupon, uses_points = random.random() < 0.45, random.random() < 0.12
    return Order(at, lines, uses_coupon, uses_points, _outcome(random, lines))


def _outcome(random: Random, lines: tuple[Line, ...]) -> Paid | Abandoned | Cancelled:
    fate = random.random()
    if fate < 0.07:
        return Abandoned()
    if fate < 0.11:
        return Cancelled(after_seconds=random.randint(30, 600), reason=random.choice(_CANCEL_REASONS))
    return Paid(
        after_seconds=random.randint(6, 60) if random.random() < 0.85 else random.randint(61, 780),
        ship_after_hours=random.randint(2, 46),
        confirm_after_days=random.choices((1, 2, 3, 4, 5, 7, 10), weights=(6, 18, 24, 20, 12, 8, 12))[0],
        refund=_refund(random, lines) if random.random() < 0.06 else None,
    )


def _refund(random: Random, lines: tuple[Line, ...]) -> Refund:
    line = random.choice(lines)
    return Refund(
        line=Line(line.sku_code, random.randint(1, line.quantity)),
        reason=random.choice(_REFUND_REASONS),
        after_days=random.randint(0, 4),
    )
