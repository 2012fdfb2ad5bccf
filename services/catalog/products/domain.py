"""What a product and its SKUs are, and when they may be sold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.http.problems import Invalid, Problem


class ProductStatus(StrEnum):
    """Where a product stands."""

    DRAFT = "draft"
    ON_SALE = "on_sale"
    OFF_SALE = "off_sale"


NEXT = {
    ProductStatus.DRAFT: {ProductStatus.ON_SALE},
    ProductStatus.ON_SALE: {ProductStatus.OFF_SALE},
    ProductStatus.OFF_SALE: {ProductStatus.ON_SALE},
}


class ProductCodeTaken(Problem):
    """Another product has this code."""

    slug, title, status = "catalog/product-code-taken", "There is a product with this code", 409


class SkuCodeTaken(Problem):
    """Another SKU has this code, or another SKU of the product has these options."""

    slug, title, status = "catalog/sku-taken", "There is a SKU with this code or these options", 409


class ProductChangedMeanwhile(Problem):
    """Someone else changed the product since it was read."""

    slug, title, status = "catalog/product-changed", "The product was changed meanwhile; read it again", 409


class IllegalProductStatus(Problem):
    """The product cannot go there from where it stands."""

    slug, title, status = "catalog/illegal-product-status", "The product cannot go to this status", 409


class ProductNotReady(Problem):
    """A product needs an active SKU before it may be sold."""

    slug, title, status = "catalog/product-not-ready", "The product has nothing to sell yet", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """What is sold, priced and stocked: one choice for each option of its product."""

    id: UUID
    product_id: UUID
    sku_code: str
    options: dict[str, str]
    price_fen: int
    market_price_fen: int | None = None
    weight_grams: int = 0
    image_url: str | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is browsed (SPU). ``options`` lists ``{"name", "values"}``, ``media`` pictures, videos and models in order."""

    id: UUID
    product_code: str
    name: str
    category_id: UUID
    subtitle: str | None = None
    brand: str | None = None
    description: str | None = None
    options: Sequence[dict[str, Any]] = ()
    media: Sequence[dict[str, Any]] = ()
    attributes: Sequence[dict[str, str]] = ()
    keywords: Sequence[str] = ()
    after_sale_policy_key: str | None = None
    status: ProductStatus = ProductStatus.DRAFT
    version: int = 1
    published_at: datetime | None = None

    def publish(self, *, skus: Sequence[Sku], at: datetime) -> "Product":
        """The product as put on sale; raises ProductNotReady, IllegalProductStatus."""
        if not any(sku.is_active for sku in skus):
            raise ProductNotReady()
        return replace(self._to(ProductStatus.ON_SALE), published_at=self.published_at or at)

    def unpublish(self) -> "Product":
        """The product as taken off sale; raises IllegalProductStatus."""
        return self._to(ProductStatus.OFF_SALE)

    def _to(self, status: ProductStatus) -> "Product":
        if status not in NEXT[self.status]:
            raise IllegalProductStatus(f"A product that is {self.status} cannot become {status}.")
        return replace(self, status=status)


def check_choices(product: Product, skus: Sequence[Sku]) -> None:
    """Every active SKU chooses one known value for each option, no two the same; raises Invalid."""
    values = {option["name"]: set(option["values"]) for option in product.options}
    if len(values) != len(product.options):
        raise Invalid("Two options have the same name.")
    chosen: set[frozenset[tuple[str, str]]] = set()
    for sku in skus:
        if not sku.is_active:
            continue
        if sku.options.keys() != values.keys():
            raise Invalid(
                f"SKU {sku.sku_code} must choose a value for each of: {', '.join(values) or 'nothing'}."
            )
        if any(choice not in values[name] for name, choice in sku.options.items()):
            raise Invalid(f"SKU {sku.sku_code} chooses a value that its option does not have.")
        choices = frozenset(sku.options.items())
        if choices in chosen:
            raise Invalid(f"SKU {sku.sku_code} repeats the options of another SKU.")
        chosen.add(choices)
