"""What the demo's shop is made of. Plain values: money in fen, rates in basis points, weights in grams."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from demo.fields import STRICT, PositiveFen, Text, Tint
from demo.promotions import CouponTemplate, FreightRule, FullReduction, MemberLevel, PointRules

View = Literal["cover", "facts", "choices"]
Status = Literal["draft", "on_sale", "off_sale"]


@dataclass(frozen=True)
class Category:
    """A node of the category tree, at most three deep (PD-02)."""

    __pydantic_config__ = STRICT

    key: Text
    name: Text
    shape: Text
    tint: Tint
    parent: str | None = None

    @property
    def icon(self) -> str:
        return f"/media/demo/category-{self.key}.svg"


@dataclass(frozen=True)
class AfterSalePolicy:
    """What the buyer may ask for, and for how many days after receipt (PD-12)."""

    __pydantic_config__ = STRICT

    key: Text
    title: Text
    text: Text
    days: Annotated[int, Field(ge=1)]
    returns_without_reason: bool


@dataclass(frozen=True)
class Sku:
    """What is sold: one choice of each of its product's options, in their order (PD-01)."""

    __pydantic_config__ = STRICT

    code: Text
    options: tuple[str, ...]
    price_fen: PositiveFen
    weight_grams: Annotated[int, Field(gt=0)]
    stock: Annotated[int, Field(ge=0)]
    market_price_fen: PositiveFen | None = None
    sample: bool = False
    """A small portion to try (PD-15)."""


@dataclass(frozen=True)
class Image:
    """A picture of a product: where it lives, and the words for those who cannot see it (PD-03)."""

    path: str
    alt: str
    view: View


@dataclass(frozen=True)
class Product:
    """What is browsed (an SPU), with its SKUs."""

    __pydantic_config__ = STRICT

    code: Annotated[str, Field(pattern=r"^[A-Z]+-\d{3}$")]
    category: Text
    status: Status
    name: Annotated[str, Field(min_length=4, max_length=30)]
    brand: Text
    subtitle: Text
    description: Annotated[str, Field(min_length=20)]
    attributes: dict[str, str]
    keywords: Annotated[tuple[str, ...], Field(min_length=2)]
    after_sale: Text
    skus: Annotated[tuple[Sku, ...], Field(min_length=1, max_length=6)]
    views: Annotated[tuple[View, ...], Field(min_length=1, max_length=3)]
    shape: Text
    tint: Tint
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ingredients: tuple[str, ...] = ()
    """The label's list, for what goes on the skin (PD-10)."""

    @property
    def images(self) -> tuple[Image, ...]:
        """Its pictures, the cover first; each alt text says what the drawing shows."""
        alts: dict[View, str] = {
            "cover": f"{self.name}，插画",
            "facts": f"{self.name}："
            + "，".join(f"{name} {value}" for name, value in self.attributes.items()),
            "choices": f"{self.name}可选：" + "；".join(" ".join(sku.options) for sku in self.skus),
        }
        tails: dict[View, str] = {"cover": "", "facts": "-facts", "choices": "-choices"}
        return tuple(
            Image(path=f"/media/demo/{self.code}{tails[view]}.svg", alt=alts[view], view=view)
            for view in self.views
        )


@dataclass(frozen=True)
class Target:
    """Where a tap leads; `key` names the category, the product or the searched words."""

    __pydantic_config__ = STRICT

    kind: Literal["category", "product", "search", "coupons", "membership"]
    key: str | None = None


@dataclass(frozen=True)
class Banner:
    """A wide picture at the top of the home page."""

    __pydantic_config__ = STRICT

    key: Text
    title: Text
    subtitle: Text
    shape: Text
    tint: Tint
    target: Target

    @property
    def image(self) -> str:
        return f"/media/demo/banner-{self.key}.svg"


@dataclass(frozen=True)
class Entry:
    """A small icon of the home page that leads somewhere (LG-06); no two have the same shape."""

    __pydantic_config__ = STRICT

    title: Text
    shape: Text
    tint: Tint
    target: Target

    @property
    def icon(self) -> str:
        return f"/media/demo/entry-{self.shape}.svg"


@dataclass(frozen=True)
class Featured:
    """A category shown on the home page under a title of its own."""

    __pydantic_config__ = STRICT

    category: Text
    title: Text


@dataclass(frozen=True)
class Home:
    """The home page (PD-04) and the pinned hot words of search (SE-02)."""

    __pydantic_config__ = STRICT

    banners: tuple[Banner, ...]
    entries: tuple[Entry, ...]
    featured: tuple[Featured, ...]
    hot_words: tuple[str, ...]


@dataclass(frozen=True)
class Shop:
    """The whole demo shop, checked when loaded."""

    __pydantic_config__ = STRICT

    name: Text
    tagline: Text
    market_price_note: Text
    """What the struck-through price means, to be shown beside it: it is no former price."""
    categories: tuple[Category, ...]
    after_sale_policies: tuple[AfterSalePolicy, ...]
    home: Home
    coupons: tuple[CouponTemplate, ...]
    full_reductions: tuple[FullReduction, ...]
    member_levels: tuple[MemberLevel, ...]
    points: PointRules
    freight: FreightRule
    products: tuple[Product, ...]

    @cached_property
    def leaves(self) -> tuple[Category, ...]:
        """The categories that hold products."""
        parents = {category.parent for category in self.categories}
        return tuple(category for category in self.categories if category.key not in parents)

    def category_path(self, key: str) -> tuple[Category, ...]:
        """The categories from the root down to `key`; raises KeyError when one of them is missing."""
        by_key = {category.key: category for category in self.categories}
        path = [by_key[key]]
        while (parent := path[0].parent) is not None:
            if by_key[parent] in path:
                raise KeyError(f"{key} is its own ancestor")
            path.insert(0, by_key[parent])
        return tuple(path)
