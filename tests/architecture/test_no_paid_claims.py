"""No shopper can say that something was paid, or what it costs: there is no such route and no such field (checklist B)."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from docs.platform import described_platform
from gateway.routes import ROUTES, Access, Route

CLAIM = re.compile(
    r"paid|pay_(success|result|status)|succe|transaction|prepay|mark|_fen$|^(amount|price|status|total)$"
)


def shoppers_bodies() -> Iterator[tuple[Route, set[str]]]:
    """Every route by which somebody who is no operator changes something, and the names of all that may be sent there."""
    apps = asyncio.run(described_platform()).apps
    documents: dict[str, dict[str, Any]] = {
        service: app.openapi() for service, app in apps.items() if hasattr(app, "openapi")
    }
    for route in ROUTES:
        if route.access is Access.OPERATOR or route.service not in documents or route.method == "GET":
            continue
        if route.template.startswith("/callbacks/"):  # signed
            continue
        document = documents[route.service]
        path = re.sub(r":path}", "}", route.upstream or route.template)
        operation = document["paths"].get(path, {}).get(route.method.lower(), {})
        schemas = [
            content["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values()
            if "schema" in content
        ]
        parameters = {each["name"] for each in operation.get("parameters", []) if each["in"] != "path"}
        yield route, parameters.union(*(names_in(schema, document) for schema in schemas))


def names_in(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """The names of a schema's fields, however deep."""
    if "$ref" in schema:
        return names_in(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    found = set(schema.get("properties", {}))
    parts = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for several in ("anyOf", "oneOf", "allOf"):
        parts += schema.get(several, [])
    return found.union(*(names_in(part, document) for part in parts if isinstance(part, dict)))


def test_no_shopper_claims_a_payment_or_an_amount() -> None:
    seen = list(shoppers_bodies())
    assert len(seen) > 20
    assert any("quote_fingerprint" in names for _, names in seen)
    claims = {
        f"{route.method} {route.template}": sorted(filter(CLAIM.search, names))
        for route, names in seen
        if any(map(CLAIM.search, names))
    }
    assert claims == {}
    paths = [route.template for route, _ in seen if re.search(r"paid|success|mark|notify", route.template)]
    assert paths == []
