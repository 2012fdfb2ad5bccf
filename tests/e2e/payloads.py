"""Hostile values, and requests that carry them into every text of the merged OpenAPI document."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote

from hypothesis import find
from hypothesis.strategies import from_regex

from shared.ids import new_id

TEXTS = [
    "' OR 1=1; DROP TABLE orders; --",
    "%_\\%",
    "a & | ! <-> :* ( '",
    "(?:a+)+$[\\",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {0.__class__}",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\x00",
    "a\x00b",
    "\ud800",
    "\u200b\u202e\ufeff",
    "１２３ ﷽ 🧨",
    "x" * 3_000,
    "-1",
    "1e400",
]


def _cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


CURSORS = [
    "*",
    "e30",
    *map(_cursor, [[None], ["'"], [10**30, 10**30], ["x", "y"], [{}], [[]], [1.5, "\x00"], [True], "\ud800"]),
]


@dataclass(frozen=True, slots=True)
class Carrier:
    """One request that carries a payload somewhere."""

    method: str
    target: str
    body: bytes | None

    def __str__(self) -> str:
        return f"{self.method} {self.target[:120]} {(self.body or b'')[:300]!r}"


def carriers(document: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[Carrier]:
    """A request for each operation, place and payload: each query parameter, each textual part of a path, every text of
    a body at once and by itself. ``known`` are ids of things that there are, by the name of the field."""
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from _of_operation(document, known, method.upper(), template, operation)


def _of_operation(
    document: Mapping[str, Any],
    known: Mapping[str, str],
    method: str,
    template: str,
    operation: Mapping[str, Any],
) -> Iterator[Carrier]:
    parameters = operation.get("parameters", [])
    plain = template
    for each in parameters:
        if each["in"] == "path":
            value = known.get(each["name"], "x")
            plain = plain.replace(f"{{{each['name']}}}", value)
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    body = None if schema is None else _json(_known(example(document, schema, "x"), known))
    needed = "&".join(
        f"{each['name']}={quote(_query_example(each['schema']))}"
        for each in parameters
        if each["in"] == "query" and each["required"]
    )
    for each in parameters:
        name = each["name"]
        if each["in"] == "query":
            others = "&".join(pair for pair in needed.split("&") if not pair.startswith(f"{name}="))
            for text in [*TEXTS, *(CURSORS if name == "after" else [])]:
                yield Carrier(method, f"{plain}?{others}&{name}={_quoted(text)}", body)
        elif each["in"] == "path":
            for text in TEXTS:
                yield Carrier(method, template.replace(f"{{{name}}}", _quoted(text)), body)
    if schema is not None:
        for text in TEXTS:
            yield Carrier(
                method,
                f"{plain}?{needed}",
                _json(_known(example(document, schema, text, everywhere=True), known)),
            )
        texts = sum(1 for _ in _texts(example(document, schema, MARK)))
        for at in range(texts):
            for text in TEXTS[:: 3 if texts < 10 else 6]:
                one = _known(example(document, schema, MARK), known)
                yield Carrier(method, f"{plain}?{needed}", _json(_with_one(one, at, text)))


MARK = "\ue000"
"""Stands for a free text until it is known which."""


def example(
    document: Mapping[str, Any], schema: Mapping[str, Any], text: str, *, everywhere: bool = False
) -> Any:
    """A value of the schema, with all its optional fields, whose free texts are ``text``, and even those of a fixed form
    when it is to be ``everywhere``."""
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return example(document, found, text, everywhere=everywhere)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example(document, schema[several][0], text, everywhere=everywhere)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            return {
                name: example(document, field, text, everywhere=everywhere)
                for name, field in schema.get("properties", {}).items()
            }
        case "array":
            item = example(document, schema.get("items", {}), text, everywhere=everywhere)
            return [item] * max(1, schema.get("minItems", 0))
        case "integer" | "number":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "boolean":
            return True
        case "string" if "pattern" in schema and not everywhere:
            return _fitting(schema["pattern"], schema.get("minLength", 0))
        case "string":
            return _formatted(schema.get("format"), text)
    return text


def _known(value: Any, known: Mapping[str, str]) -> Any:
    """The value with the known ids in its fields."""
    if isinstance(value, dict):
        return {name: known.get(name) or _known(each, known) for name, each in value.items()}
    return [_known(each, known) for each in value] if isinstance(value, list) else value


@cache
def _fitting(pattern: str, length: int) -> str:
    """The simplest text that fits a pattern and is long enough."""
    return find(
        from_regex(re.compile(pattern, re.ASCII)), lambda text: len(text) >= length and text.isprintable()
    )


def _texts(value: Any) -> Iterator[str]:
    """The places of free texts in a value."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value == MARK:
        yield value


def _with_one(value: Any, at: int, text: str) -> Any:
    """The value with the payload as its ``at``-th free text, and harmless ones in the other places."""
    places = count()

    def fill(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: fill(field) for name, field in each.items()}
        if isinstance(each, list):
            return [fill(item) for item in each]
        if each == MARK:
            return text if (place := next(places)) == at else f"harmless {place}"
        return each

    return fill(value)


def _formatted(format_: str | None, text: str) -> str:
    match format_:
        case "uuid":
            return str(new_id())
        case "date-time":
            return "2031-01-01T00:00:00Z"
        case "date":
            return "2001-01-01"
    return text


def _query_example(schema: Mapping[str, Any]) -> str:
    return str(example({}, schema, "x"))


def _quoted(text: str) -> str:
    return quote(text.encode(errors="surrogatepass"), safe="")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
