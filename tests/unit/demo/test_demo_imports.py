"""The files for a bulk import are what their notes say."""

import csv
import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import demo.catalogue
from demo.catalogue import load
from demo.online_retail.derive import COLUMNS, GOODS, goods, is_clean

EXAMPLE = Path(demo.catalogue.__file__).with_name("import_example.csv")


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        assert tuple(reader.fieldnames or ()) == COLUMNS
        return list(reader)


def test_the_goods_are_those_published_with_the_project() -> None:
    expected = "2d35db21479b406a30f8a4c0531233d15056d1b22a917c68f975b57513d4dad9"
    assert hashlib.sha256(GOODS.read_bytes()).hexdigest() == expected


def test_there_are_3659_goods_with_a_code_a_name_and_a_price() -> None:
    rows = _rows(GOODS)
    assert len(rows) == len({row["product_code"] for row in rows}) == 3659
    assert all(row["sku_code"] == row["product_code"] and row["name"] for row in rows)
    prices = [Decimal(row["price_yuan"]) for row in rows]
    assert (min(prices), max(prices)) == (Decimal("0.04"), Decimal("165.00"))
    assert {row["category"] for row in rows} == {"Online Retail"}


def _line(**given: str) -> dict[str, str]:
    return {
        "InvoiceNo": "536365",
        "StockCode": "85123A",
        "Description": "LAMP",
        "Quantity": "6",
        "UnitPrice": "2.55",
        "CustomerID": "17850",
    } | given


def test_only_sales_of_goods_to_a_known_customer_count() -> None:
    assert is_clean(_line())
    for stray in (
        _line(InvoiceNo="C536379"),
        _line(CustomerID=""),
        _line(CustomerID="NA"),
        _line(Quantity="-1"),
        _line(UnitPrice="0.0"),
        _line(StockCode="POST"),
        _line(StockCode="851234"),
    ):
        assert not is_clean(stray)


def test_a_row_takes_the_median_price_and_the_most_frequent_name() -> None:
    [row] = goods(
        [
            _line(Description=" RED  LAMP ", UnitPrice="1.00"),
            _line(Description="RED LAMP", UnitPrice="2.01"),
            _line(Description="BLUE LAMP", UnitPrice="2.00"),
            _line(Description="BLUE LAMP", UnitPrice="9.00"),
        ]
    )
    assert row["name"] == "BLUE LAMP"
    assert row["price_yuan"] == "2.01", "2.005 is rounded half up"


def test_the_example_has_eight_good_rows_and_the_four_faults_that_its_note_names() -> None:
    shop = load()
    paths = {"/".join(category.name for category in shop.category_path(leaf.key)) for leaf in shop.leaves}
    seen: Counter[str] = Counter()
    faults = {}
    for number, row in enumerate(_rows(EXAMPLE), start=2):
        seen[row["sku_code"]] += 1
        wrong = {
            "price_yuan": not row["price_yuan"].replace(".", "", 1).isdigit(),
            "sku_code": seen[row["sku_code"]] > 1,
            "stock": not row["stock"].isdigit(),
            "category": row["category"] not in paths,
        }
        if any(wrong.values()):
            faults[number] = [column for column, is_wrong in wrong.items() if is_wrong]
    assert number == 13
    assert faults == {6: ["price_yuan"], 8: ["sku_code"], 10: ["stock"], 12: ["category"]}
