"""Makes `goods.csv` from the raw data set: `python -m demo.online_retail.derive online_retail.csv.gz`."""

import csv
import gzip
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import median
from typing import Final

COLUMNS: Final = (
    *("product_code", "name", "category", "sku_code", "options", "price_yuan", "market_price_yuan"),
    *("stock", "weight_grams", "status", "keywords", "description"),
)
GOODS: Final = Path(__file__).with_name("goods.csv")

_GOODS_CODE: Final = re.compile(r"\d{5}[A-Za-z]{0,2}")
_STOCK: Final = "100"
_WEIGHT_GRAMS: Final = "200"


def is_clean(line: Mapping[str, str]) -> bool:
    """Whether an invoice line is a sale of goods to a known customer: no cancellation, a price and a quantity."""
    return (
        not line["InvoiceNo"].startswith("C")
        and line["CustomerID"] not in ("", "NA")
        and Decimal(line["Quantity"]) > 0
        and Decimal(line["UnitPrice"]) > 0
        and _GOODS_CODE.fullmatch(line["StockCode"]) is not None
    )


def goods(lines: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """A row of the import for each stock code, by code: its most frequent name and its median price.

    One pound stands for one yuan. A price is rounded half up to fen; of names equally frequent the first in
    alphabetical order is taken.
    """
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    prices: defaultdict[str, list[Decimal]] = defaultdict(list)
    for line in filter(is_clean, lines):
        names[line["StockCode"]][" ".join(line["Description"].split())] += 1
        prices[line["StockCode"]].append(Decimal(line["UnitPrice"]))
    for code in sorted(names):
        yield dict.fromkeys(COLUMNS, "") | {
            "product_code": code,
            "name": min(names[code], key=lambda name: (-names[code][name], name)),
            "category": "Online Retail",
            "sku_code": code,
            "price_yuan": str(median(prices[code]).quantize(Decimal("0.01"), ROUND_HALF_UP)),
            "stock": _STOCK,
            "weight_grams": _WEIGHT_GRAMS,
            "status": "on_sale",
        }


def main(raw: Path) -> None:
    """Write `goods.csv` beside this file."""
    with gzip.open(raw, "rt", encoding="utf-8", newline="") as source:
        rows = list(goods(csv.DictReader(source)))
    with GOODS.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} goods written to {GOODS.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
