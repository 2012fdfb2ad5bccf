"""What the rows of a product come to, compared with what is stored (PD-01)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.catalog.imports.merging import Merged, Stored, merge
from services.catalog.imports.rows import Group, Row
from services.catalog.products.domain import Product, ProductStatus, Sku
from shared.ids import new_id

AT = datetime(2026, 3, 8, tzinfo=UTC)
HOME, OTHER = new_id(), new_id()
CATEGORIES: dict[tuple[str, ...], UUID] = {("居家",): HOME, ("其他",): OTHER}


def a_row(number: int, colour: str, **more: Any) -> Row:
    values: dict[str, Any] = {
        "product_code": "P-1",
        "name": "面碗",
        "category": ("居家",),
        "sku_code": f"P-1-{number}",
        "options": {"釉色": colour},
        "price_fen": 5800,
        "market_price_fen": None,
        "stock": 10,
        "weight_grams": None,
        "status": ProductStatus.ON_SALE,
        "keywords": None,
        "description": None,
    }
    return Row(number=number, **values | more)


def merged(
    *rows: Row, product: Product | None = None, skus: list[Sku] | None = None, **owners: Any
) -> Merged:
    owner_of = {sku.sku_code: sku.product_id for sku in skus or []} | owners
    return merge(Group(list(rows), []), Stored(product, skus or [], owner_of, CATEGORIES), at=AT)


def test_new_rows_make_a_product_with_its_options_and_opening_stock() -> None:
    result = merged(a_row(2, "灰"), a_row(3, "蓝", stock=None))
    assert result.product is not None
    assert result.product.options == [{"name": "釉色", "values": ["灰", "蓝"]}]
    assert result.product.category_id == HOME
    assert result.product.published_at == AT
    assert [sku.options for sku in result.new_skus] == [{"釉色": "灰"}, {"釉色": "蓝"}]
    assert result.stock == {result.new_skus[0].id: 10}
    assert (result.created, result.updated, result.unchanged, result.failed) == (2, 0, 0, 0)


def test_the_same_rows_again_come_to_nothing() -> None:
    rows = a_row(2, "灰"), a_row(3, "蓝")
    first = merged(*rows)
    again = merged(*rows, product=first.product, skus=first.new_skus)
    assert again == Merged(
        product=None, is_new=False, new_skus=[], changed_skus=[], stock={}, errors=[], updated=0, unchanged=2
    )


def test_a_changed_price_changes_its_row_and_a_changed_name_all_of_them() -> None:
    rows = a_row(2, "灰"), a_row(3, "蓝")
    first = merged(*rows)
    dearer = merged(rows[0], replace(rows[1], price_fen=6000), product=first.product, skus=first.new_skus)
    assert [sku.price_fen for sku in dearer.changed_skus] == [6000]
    assert dearer.product is not None
    assert (dearer.updated, dearer.unchanged) == (1, 1)
    renamed = merged(*(replace(row, name="汤碗") for row in rows), product=first.product, skus=first.new_skus)
    assert renamed.product is not None
    assert renamed.product.name == "汤碗"
    assert (renamed.updated, renamed.unchanged) == (2, 0)


def test_empty_cells_leave_what_is_there() -> None:
    first = merged(a_row(2, "灰", description="柴烧", keywords=("碗",), weight_grams=640))
    again = merged(a_row(2, "灰", status=None, stock=None), product=first.product, skus=first.new_skus)
    assert again.product is None
    assert again.unchanged == 1


def test_stock_of_a_sku_that_exists_is_never_touched() -> None:
    first = merged(a_row(2, "灰"))
    assert merged(a_row(2, "灰", stock=99), product=first.product, skus=first.new_skus).stock == {}


def test_rows_that_cannot_be_used_are_told_and_the_others_go_in() -> None:
    result = merged(
        a_row(2, "灰"),
        a_row(3, "灰"),
        a_row(4, "蓝", name="别的"),
        a_row(5, "绿", category=("没有", "这个")),
        a_row(6, "黑", options={}),
        a_row(7, "黄", sku_code="TAKEN"),
        a_row(8, "白"),
        TAKEN=new_id(),
    )
    assert [(error.row_number, error.column) for error in result.errors] == [
        (3, "options"),
        (4, "name"),
        (5, "category"),
        (6, "options"),
        (7, "sku_code"),
    ]
    assert [sku.options["釉色"] for sku in result.new_skus] == ["灰", "白"]


def test_what_is_on_sale_cannot_become_a_draft_again() -> None:
    first = merged(a_row(2, "灰"))
    result = merged(a_row(2, "灰", status=ProductStatus.DRAFT), product=first.product, skus=first.new_skus)
    assert [(error.row_number, error.column) for error in result.errors] == [(2, "status")]
    assert result.product is None
