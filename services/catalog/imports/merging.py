"""What the rows of one product change about it: decided from what is stored, without touching it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.catalog.imports.rows import Group, Row, RowError
from services.catalog.products.domain import NEXT, Product, ProductStatus, Sku
from shared.ids import new_id

_OF_PRODUCT = ("name", "category", "status", "keywords", "description")
"""The columns that belong to the product: all its rows say the same there."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known before an import: the product and its SKUs, and whose the SKU codes of the file are."""

    product: Product | None
    skus: Sequence[Sku]
    owner_of: Mapping[str, UUID]
    category_ids: Mapping[tuple[str, ...], UUID]


@dataclass(frozen=True, slots=True)
class Merged:
    """What one product's rows come to; ``product`` is None when it stays as it is."""

    product: Product | None
    is_new: bool
    new_skus: list[Sku]
    changed_skus: list[Sku]
    stock: dict[UUID, int]
    errors: list[RowError]
    updated: int
    unchanged: int

    @property
    def created(self) -> int:
        """How many rows made a SKU."""
        return len(self.new_skus)

    @property
    def failed(self) -> int:
        """How many rows cannot be used."""
        return len({error.row_number for error in self.errors})


def merge(group: Group, stored: Stored, *, at: datetime) -> Merged:
    """Compare the rows of one product with what is stored; the same rows again come to nothing.

    Opening stock is for new SKUs only: the stock of the others has moved on, and repeating an import undoes no sale.
    """
    errors = list(group.errors)
    product = stored.product
    skus = {sku.sku_code: sku for sku in stored.skus}
    before = dict(skus)
    used: list[Row] = []
    for row in group.rows:
        if error := _problem(row, stored, product, skus, first=used[0] if used else None):
            errors.append(error)
            continue
        product = _with_row(product or _new_product(row, stored), row, stored, at)
        skus[row.sku_code] = _sku_of(row, skus.get(row.sku_code), product.id)
        used.append(row)
    now = [skus[row.sku_code] for row in used]
    new = [sku for sku in now if sku.sku_code not in before]
    changed = [sku for sku in now if sku.sku_code in before and sku != before[sku.sku_code]]
    is_changed = product != stored.product or bool(new or changed)
    touched = len(used) - len(new) if _is_described_anew(product, stored.product) else len(changed)
    return Merged(
        product=product if is_changed else None,
        is_new=stored.product is None,
        new_skus=new,
        changed_skus=changed,
        stock={skus[row.sku_code].id: row.stock for row in used if row.stock and row.sku_code not in before},
        errors=errors,
        updated=touched,
        unchanged=len(used) - len(new) - touched,
    )


def _problem(
    row: Row, stored: Stored, product: Product | None, skus: Mapping[str, Sku], *, first: Row | None
) -> RowError | None:
    """The first thing that keeps a row from being used."""
    owner = stored.owner_of.get(row.sku_code)
    if owner and (product is None or owner != product.id):
        return RowError(row.number, "sku_code", "belongs to another product")
    if row.category not in stored.category_ids:
        return RowError(row.number, "category", f"there is no category {'/'.join(row.category)}")
    for column in _OF_PRODUCT:
        value = getattr(row, column)
        if first and value is not None and value != getattr(first, column):
            return RowError(row.number, column, f"differs from row {first.number} of the same product")
    status = stored.product.status if stored.product else None
    if status and row.status and row.status != status and row.status not in NEXT[status]:
        return RowError(row.number, "status", f"a product that is {status} cannot become {row.status}")
    others = [sku for sku in skus.values() if sku.is_active and sku.sku_code != row.sku_code]
    if others and others[0].options.keys() != row.options.keys():
        return RowError(row.number, "options", f"must choose what {others[0].sku_code} chooses")
    if twin := next((sku for sku in others if sku.options == row.options), None):
        return RowError(row.number, "options", f"repeats the options of {twin.sku_code}")
    return None


def _is_described_anew(product: Product | None, before: Product | None) -> bool:
    """Whether more than the choices of a product changed: then every row of it counts as updated."""
    return bool(product and before and replace(product, options=before.options) != before)


def _new_product(row: Row, stored: Stored) -> Product:
    return Product(
        id=new_id(),
        product_code=row.product_code,
        name=row.name,
        category_id=stored.category_ids[row.category],
        options=[],
        media=[],
        attributes=[],
        keywords=[],
    )


def _with_row(product: Product, row: Row, stored: Stored, at: datetime) -> Product:
    status = row.status or product.status
    values: dict[str, Any] = {
        "name": row.name,
        "category_id": stored.category_ids[row.category],
        "options": _with_choices(product.options, row.options),
        "status": status,
        "published_at": product.published_at or (at if status is ProductStatus.ON_SALE else None),
    }
    if row.keywords is not None:
        values["keywords"] = list(row.keywords)
    if row.description is not None:
        values["description"] = row.description
    return replace(product, **values)


def _with_choices(options: Sequence[dict[str, Any]], choices: Mapping[str, str]) -> list[dict[str, Any]]:
    """The options with the values that a SKU chooses, new ones last."""
    values: dict[str, list[str]] = {option["name"]: list(option["values"]) for option in options}
    for name, choice in choices.items():
        if choice not in values.setdefault(name, []):
            values[name].append(choice)
    return [{"name": name, "values": each} for name, each in values.items()]


def _sku_of(row: Row, before: Sku | None, product_id: UUID) -> Sku:
    weight_grams = before.weight_grams if before and row.weight_grams is None else row.weight_grams or 0
    values: dict[str, Any] = {
        "options": row.options,
        "price_fen": row.price_fen,
        "market_price_fen": row.market_price_fen,
        "weight_grams": weight_grams,
        "is_active": True,
    }
    if before:
        return replace(before, **values)
    return Sku(id=new_id(), product_id=product_id, sku_code=row.sku_code, **values)
