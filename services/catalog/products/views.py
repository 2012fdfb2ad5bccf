"""How products look from outside."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from services.catalog.products.domain import Product, ProductStatus, Sku
from shared.http.bodies import Fen, View


class ProductCard(View):
    """What a list shows of a product; prices are those of its cheapest and dearest SKU."""

    product_id: UUID
    product_code: str
    name: str
    subtitle: str | None
    image_url: str | None
    min_price_fen: Fen
    max_price_fen: Fen
    market_price_fen: Fen | None
    sales: int
    is_in_stock: bool


class OptionView(View):
    """A choice, and its values in order."""

    name: str
    values: list[str]


class MediumView(View):
    """A picture, video or model."""

    kind: str
    url: str
    alt: str | None = None
    width: int | None = None
    height: int | None = None


class AttributeView(View):
    """A fact about a product."""

    name: str
    value: str


class CategoryStep(View):
    """One step of the way from the top of the shop to a product."""

    category_id: UUID
    name: str


class AfterSalePolicyView(View):
    """What the shop promises after the sale (PD-12)."""

    key: str
    title: str
    text: str
    days: int


class SkuView(View):
    """One SKU of a product on sale."""

    sku_id: UUID
    sku_code: str
    options: dict[str, str]
    price_fen: Fen
    market_price_fen: Fen | None
    weight_grams: int
    image_url: str | None
    available: int


class ProductDetail(ProductCard):
    """Everything a shopper sees before buying."""

    brand: str | None
    description: str | None
    options: list[OptionView]
    media: list[MediumView]
    attributes: list[AttributeView]
    categories: list[CategoryStep]
    after_sale_policy: AfterSalePolicyView | None
    skus: list[SkuView]
    version: int


class FoundSku(View):
    """What checkout needs to know of a SKU; ``category_ids`` run from the leaf to the root."""

    sku_id: UUID
    sku_code: str
    product_id: UUID
    product_name: str
    options: dict[str, str]
    image_url: str | None
    category_ids: list[UUID]
    unit_price_fen: Fen
    market_price_fen: Fen | None
    weight_grams: int
    is_on_sale: bool
    available: int
    after_sale_policy: AfterSalePolicyView | None


class FoundSkus(View):
    """The SKUs that exist."""

    items: list[FoundSku]


class OperatorProductRow(ProductCard):
    """A product in the operators' list."""

    category_id: UUID
    status: ProductStatus
    version: int
    updated_at: datetime


class OperatorSku(View):
    """A SKU with its stock: counted, promised, and sold so far."""

    sku_id: UUID
    sku_code: str
    options: dict[str, str]
    price_fen: Fen
    market_price_fen: Fen | None
    weight_grams: int
    image_url: str | None
    is_active: bool
    on_hand: int
    reserved: int
    sold: int


class OperatorProduct(View):
    """A product with everything an operator may change."""

    product_id: UUID
    product_code: str
    name: str
    category_id: UUID
    subtitle: str | None
    brand: str | None
    description: str | None
    options: list[OptionView]
    media: list[MediumView]
    attributes: list[AttributeView]
    keywords: list[str]
    after_sale_policy_key: str | None
    status: ProductStatus
    version: int
    published_at: datetime | None
    skus: list[OperatorSku]

    @classmethod
    def of(
        cls, product: Product, skus: list[Sku], stock: Mapping[UUID, Mapping[str, int]]
    ) -> "OperatorProduct":
        """The view of a stored product."""
        return cls.model_validate(
            _renamed(product, "product_id")
            | {"skus": [_renamed(sku, "sku_id") | dict(stock[sku.id]) for sku in skus]}
        )


def _renamed(value: Product | Sku, id_name: str) -> dict[str, Any]:
    return asdict(value) | {id_name: value.id}
