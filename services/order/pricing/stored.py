"""Requests and quotes as the JSON stored with an order, read back strictly."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from services.order.pricing.quote import Quote
from services.order.pricing.refusals import InvalidPriceRequest
from services.order.pricing.request import PriceRequest

T = TypeVar("T")

_REQUEST = TypeAdapter(PriceRequest)
_QUOTE = TypeAdapter(Quote)


def dump(value: PriceRequest | Quote) -> dict[str, Any]:
    """A request or quote as JSON values."""
    adapter: TypeAdapter[Any] = _REQUEST if isinstance(value, PriceRequest) else _QUOTE
    stored: dict[str, Any] = adapter.dump_python(value, mode="json")
    return stored


def load_request(stored: Mapping[str, Any]) -> PriceRequest:
    """The request that was dumped. Raises InvalidPriceRequest for a wrong type, value or unknown field."""
    return _load(_REQUEST, stored)


def load_quote(stored: Mapping[str, Any]) -> Quote:
    """The quote that was dumped. Raises InvalidPriceRequest for a wrong type or unknown field."""
    return _load(_QUOTE, stored)


def _load(adapter: TypeAdapter[T], stored: Mapping[str, Any]) -> T:
    try:
        return adapter.validate_json(to_json(stored), strict=True)
    except ValueError as error:
        raise InvalidPriceRequest(str(error)) from error
