"""What a row of an import says, or what is wrong with it (PD-01)."""

from collections.abc import Iterable

import pytest

from services.catalog.imports.files import COLUMNS, count_rows, records
from services.catalog.imports.rows import Row, RowError, batches, group_rows, read_row
from services.catalog.products.domain import ProductStatus
from shared.http.problems import Invalid

GOOD = {
    "product_code": "P-1",
    "name": "面碗 单只",
    "category": "居家/厨房/餐具",
    "sku_code": "P-1-GREY",
    "options": "釉色=灰;尺码=M",
    "price_yuan": "58.00",
    "market_price_yuan": "",
    "stock": "24",
    "weight_grams": "640",
    "status": "on_sale",
    "keywords": "面碗| 陶碗",
    "description": "",
}


def a_file(*rows: dict[str, str], columns: Iterable[str] = COLUMNS) -> bytes:
    lines = [",".join(columns)] + [",".join((GOOD | row)[name] for name in columns) for row in rows]
    return "\r\n".join(lines).encode()


def test_a_good_row_is_read_as_it_is_meant() -> None:
    assert read_row(2, GOOD) == Row(
        number=2,
        product_code="P-1",
        name="面碗 单只",
        category=("居家", "厨房", "餐具"),
        sku_code="P-1-GREY",
        options={"釉色": "灰", "尺码": "M"},
        price_fen=5800,
        market_price_fen=None,
        stock=24,
        weight_grams=640,
        status=ProductStatus.ON_SALE,
        keywords=("面碗", "陶碗"),
        description=None,
    )


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("product_code", ""),
        ("product_code", "a b"),
        ("name", ""),
        ("name", "杯" * 201),
        ("category", ""),
        ("category", "居家//餐具"),
        ("sku_code", "=A1"),
        ("options", "灰"),
        ("options", "颜色=白;颜色=黑"),
        ("price_yuan", "免费"),
        ("price_yuan", ""),
        ("price_yuan", "-1"),
        ("price_yuan", "0.001"),
        ("price_yuan", "1e3"),
        ("price_yuan", "100000001"),
        ("stock", "-5"),
        ("stock", "1.5"),
        ("stock", "１"),
        ("weight_grams", "abc"),
        ("status", "onsale"),
        *(
            (column, f"{start}cmd|' /C calc'!A0")
            for column in ("name", "description", "keywords")
            for start in "=+-@"
        ),
        ("name", "\ud800"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(column: str, cell: str) -> None:
    errors = read_row(7, GOOD | {column: cell})
    assert isinstance(errors, list)
    assert [(error.row_number, error.column) for error in errors] == [(7, column)]
    assert errors[0].reason


def test_everything_wrong_with_a_row_is_told_at_once() -> None:
    errors = read_row(3, GOOD | {"price_yuan": "?", "stock": "-1", "status": "x"})
    assert isinstance(errors, list)
    assert [error.column for error in errors] == ["price_yuan", "stock", "status"]


def test_rows_of_a_product_belong_together_and_a_sku_counts_once() -> None:
    content = a_file({}, {"product_code": "P-2", "sku_code": "P-2-1"}, {"sku_code": "P-1-BLUE"}, {})
    first, second = group_rows(records(content))
    assert [row.sku_code for row in first.rows] == ["P-1-GREY", "P-1-BLUE"]
    assert first.errors == [RowError(5, "sku_code", "repeats row 2")]
    assert (first.size, second.size) == (3, 1)


def test_batches_hold_whole_products_and_begin_anywhere() -> None:
    content = a_file(*({"product_code": f"P-{n // 2}", "sku_code": f"S-{n}"} for n in range(20)))
    groups = group_rows(records(content))
    assert [len(batch) for batch in batches(groups, start=0, size=6)] == [3, 3, 3, 1]
    assert [len(batch) for batch in batches(groups, start=7, size=6)] == [3]
    assert list(batches(groups, start=10, size=6)) == []


def test_files_of_spreadsheets_in_china_are_read_too() -> None:
    text = a_file({}).decode()
    for content in (text.encode("utf-8-sig"), text.encode("gb18030")):
        [(number, cells)] = records(content)
        assert number == 2
        assert cells is not None
        assert cells["name"] == "面碗 单只"


def test_a_row_with_a_cell_too_many_is_told_by_its_number() -> None:
    [good, bad] = group_rows(records(a_file({}, {"description": "一,二"})))
    assert len(good.rows) == 1
    assert bad.errors == [RowError(3, "", "has too many or too few cells")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        a_file(),
        a_file({}, columns=COLUMNS[1:]),
        a_file({}, columns=(*COLUMNS, "name")),
        b",".join(name.encode() for name in COLUMNS) + b'\n"' + b"x" * 200_000,
        b'{"name": "x"}',
    ],
)
def test_a_file_that_is_no_import_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(Invalid):
        count_rows(content)
