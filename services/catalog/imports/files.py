"""Reading an uploaded CSV file: its encoding, its columns, its records."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from shared.http.problems import Invalid

COLUMNS = (
    "product_code",
    "name",
    "category",
    "sku_code",
    "options",
    "price_yuan",
    "market_price_yuan",
    "stock",
    "weight_grams",
    "status",
    "keywords",
    "description",
)
MOST_ROWS = 50_000


def count_rows(content: bytes) -> int:
    """How many rows a file has; raises Invalid unless it is CSV in UTF-8 or GB18030 with just our columns."""
    rows = sum(1 for _ in records(content))
    if not 0 < rows <= MOST_ROWS:
        raise Invalid(f"The file has {rows} rows; between 1 and {MOST_ROWS} can be imported at once.")
    return rows


def records(content: bytes) -> Iterator[tuple[int, dict[str, str] | None]]:
    """The rows of a file by their numbers; the row of column names is number 1, empty rows are left out.

    A row is None when it has another number of cells than there are columns. Raises Invalid when the file cannot be read.
    """
    reader = csv.reader(StringIO(_decoded(content), newline=""), strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(columns)
        for number, cells in enumerate(reader, start=2):
            if any(cells):
                is_whole = len(cells) == len(columns)
                yield number, dict(zip(columns, cells, strict=True)) if is_whole else None
    except csv.Error as error:
        raise Invalid(f"The file is not readable as CSV: {error} near line {reader.line_num}.") from error


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("The file is neither UTF-8 nor GB18030 text.")


def _check_columns(columns: Sequence[str]) -> None:
    if missing := [name for name in COLUMNS if name not in columns]:
        raise Invalid(f"The file lacks the columns {', '.join(missing)}.")
    if len(columns) != len(COLUMNS):
        raise Invalid(f"The file may have just the columns {', '.join(COLUMNS)}, each once.")
