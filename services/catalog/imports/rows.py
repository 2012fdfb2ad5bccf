"""What a row of an import says, or what is wrong with it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from services.catalog.products.domain import ProductStatus
from shared.http.bodies import LongText, Text
from shared.money import MAX_ORDER_FEN, parse_yuan

T = TypeVar("T")

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NUMBER = re.compile(r"[0-9]{1,8}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TEXT: TypeAdapter[str] = TypeAdapter(Text)
_LONG_TEXT: TypeAdapter[str] = TypeAdapter(LongText)


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that is wrong with one row."""

    row_number: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One SKU and the product it belongs to; None where the cell is empty: what is there stays as it is."""

    number: int
    product_code: str
    name: str
    category: tuple[str, ...]
    sku_code: str
    options: dict[str, str]
    price_fen: int
    market_price_fen: int | None
    stock: int | None
    weight_grams: int | None
    status: ProductStatus | None
    keywords: tuple[str, ...] | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one product, with what is wrong with those that cannot be used."""

    rows: list[Row]
    errors: list[RowError]

    @property
    def size(self) -> int:
        """How many rows of the file these are."""
        return len(self.rows) + len({error.row_number for error in self.errors})


def group_rows(records: Iterable[tuple[int, Mapping[str, str] | None]]) -> list[Group]:
    """The rows of a file, checked, by product in order of appearance; a SKU code counts once."""
    groups: dict[str, Group] = {}
    first_of_sku: dict[str, int] = {}
    for number, cells in records:
        code = cells["product_code"].strip() if cells else ""
        group = groups.setdefault(code, Group([], []))
        row = read_row(number, cells) if cells else [RowError(number, "", "has too many or too few cells")]
        if isinstance(row, Row) and first_of_sku.setdefault(row.sku_code, number) != number:
            row = [RowError(number, "sku_code", f"repeats row {first_of_sku[row.sku_code]}")]
        if isinstance(row, Row):
            group.rows.append(row)
        else:
            group.errors.extend(row)
    return list(groups.values())


def batches(groups: list[Group], *, start: int, size: int) -> Iterator[list[Group]]:
    """Whole products from a position on, in batches of about so many rows."""
    done = 0

    def batch(group: Group) -> int:
        nonlocal done
        done += group.size
        return (done - 1) // size

    for _, members in groupby(groups[start:], batch):
        yield list(members)


def read_row(number: int, cells: Mapping[str, str]) -> Row | list[RowError]:
    """A row as it is meant, or everything that is wrong with it."""
    errors: list[RowError] = []

    def cell(column: str, read: Callable[[str], T], default: T) -> T:
        value = cells[column].strip(" \u3000")
        try:
            return read(value)
        except ValueError as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            errors.append(RowError(number, column, reason.removeprefix("Value error, ")))
            return default

    row = Row(
        number=number,
        product_code=cell("product_code", _code, ""),
        name=cell("name", _text, ""),
        category=cell("category", _category, ()),
        sku_code=cell("sku_code", _code, ""),
        options=cell("options", _options, {}),
        price_fen=cell("price_yuan", _fen, 0),
        market_price_fen=cell("market_price_yuan", _optional(_fen), None),
        stock=cell("stock", _optional(_number), None),
        weight_grams=cell("weight_grams", _optional(_number), None),
        status=cell("status", _optional(_status), None),
        keywords=cell("keywords", _optional(_keywords), None),
        description=cell("description", _optional(_long_text), None),
    )
    return errors or row


def _optional(read: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda value: read(value) if value else None


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError("must be a code of 1 to 64 letters, digits, '.', '_' and '-'")
    return value


def _text(value: str) -> str:
    return _TEXT.validate_python(_harmless(value))


def _long_text(value: str) -> str:
    return _LONG_TEXT.validate_python(_harmless(value))


def _harmless(value: str) -> str:
    """A text that no spreadsheet takes for a formula when it is exported again."""
    if value.startswith(_FORMULA):
        raise ValueError("must not begin with =, +, - or @, which a spreadsheet would run as a formula")
    return value


def _category(value: str) -> tuple[str, ...]:
    return tuple(_text(name.strip()) for name in value.split("/"))


def _options(value: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in value.replace("；", ";").split(";") if value else ():
        name, equals, choice = pair.replace("＝", "=").partition("=")
        if not equals:
            raise ValueError("must be written like 颜色=白;尺码=M")
        if options.setdefault(_text(name.strip()), _text(choice.strip())) != choice.strip():
            raise ValueError("names an option twice")
    if len(options) > 5:
        raise ValueError("names more than 5 options")
    return options


def _fen(value: str) -> int:
    amount_fen = parse_yuan(value)
    if not 0 <= amount_fen <= MAX_ORDER_FEN:
        raise ValueError("must be between 0 and 100000000 yuan")
    return amount_fen


def _number(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise ValueError("must be a whole number of 0 or more")
    return int(value)


def _status(value: str) -> ProductStatus:
    if value not in set(ProductStatus):
        raise ValueError(f"must be one of {', '.join(ProductStatus)}")
    return ProductStatus(value)


def _keywords(value: str) -> tuple[str, ...]:
    words = tuple(_text(word.strip()) for word in value.replace("｜", "|").split("|") if word.strip())
    if len(words) > 30:
        raise ValueError("names more than 30 keywords")
    return words
