"""One OpenAPI document for clients: what the gateway's table lets through, as the services describe it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.routes import ROUTES, Access, Route

SCHEMAS = "#/components/schemas/"
REFERENCE = re.compile(r" \((?:[A-Z]+-?\d+|\w+\.md)[^)]*\)")
"""A rule's source in a docstring, e.g. (LG-01): of no use to a client."""

OPERATORS = "operators: "
"""Leads the tags of what operators do, which come after the shoppers'."""

HIDDEN = ("/docs", "/openapi.json", "/health", "/callbacks")

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "required": True,
    "description": "Any text of the client's own, new for each intention and the same for each retry of it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457); some problems have members of their own.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Names the kind of refusal, e.g. /problems/catalog/insufficient-stock",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "additionalProperties": True,
}


class Undescribed(LookupError):
    """A route of the table is not described by its service."""


def merged_openapi(apps: Mapping[str, FastAPI]) -> str:
    """The document as JSON text; raises Undescribed for a route that its service does not have."""
    described = {service: describe(app) for service, app in apps.items()}
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    for route in ROUTES:
        if route.template.startswith(HIDDEN):
            continue
        document = described[route.service]
        paths.setdefault(plain(route.template), {})[route.method.lower()] = _operation(route, document)
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            schemas[f"{route.service}.{name}"] = _renamed(schema, route.service)
    used = _reachable(paths, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Jishi",
            "version": "1",
            "description": "The shop's API for mini-programs, consoles and other clients. Money is integer fen (CNY).\n\n"
            "Log in with `POST /auth/wechat/login` (shoppers) or `POST /operator/auth/login` (operators), then send "
            "`Authorization: Bearer <token>`: on this page, put the token into *Authorize*.\n\n"
            "Refusals are `application/problem+json`.",
        },
        "tags": _tags(paths),
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: schemas[name] for name in sorted(used | {"Problem"})},
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def describe(app: FastAPI) -> dict[str, Any]:
    """One service's own OpenAPI document."""
    return get_openapi(title=app.title, version="1", routes=app.routes, separate_input_output_schemas=False)


def plain(template: str) -> str:
    """A path template as OpenAPI writes it."""
    return template.replace(":path}", "}")


def _operation(route: Route, document: Mapping[str, Any]) -> dict[str, Any]:
    path = plain(route.upstream or route.template)
    found = document["paths"].get(path, {}).get(route.method.lower())
    if found is None:
        raise Undescribed(f"{route.service} does not have {route.method} {path}")
    operation: dict[str, Any] = _renamed(found, route.service)
    operation["operationId"] = _operation_id(route)
    told = REFERENCE.sub("", operation.get("description", operation["summary"]))
    summary, _, rest = told.partition("\n")
    operation |= {"summary": summary.rstrip("."), "description": rest.strip()}
    tag = operation.get("tags", [route.service])[0]
    operation["tags"] = [f"{OPERATORS}{tag}" if route.template.startswith("/operator") else tag]
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "idempotency-key":
            parameter |= IDEMPOTENCY_KEY
    if route.access in (Access.MEMBER, Access.OPERATOR):
        operation["security"] = [{"session": []}]
    if route.roles:
        operation["description"] = (
            f"{operation['description']}\n\nRoles: {', '.join(sorted(route.roles))}.".strip()
        )
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "A refusal",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return operation


def _tags(paths: Mapping[str, dict[str, Any]]) -> list[dict[str, str]]:
    """The tags in the order of reading: logging in, the shoppers', the operators'."""
    used = {operation["tags"][0] for methods in paths.values() for operation in methods.values()}
    return [
        {"name": name}
        for name in sorted(used, key=lambda name: (name.startswith(OPERATORS), name != "login", name))
    ]


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.template.replace("{", " by ").lower())
    return f"{route.method.lower()}_{'_'.join(words)}"


def _renamed(value: Any, service: str) -> Any:
    """The same, with schema names led by the service's, so that two services may use one name."""
    if isinstance(value, dict):
        return {key: _renamed(each, service) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, service) for each in value]
    if isinstance(value, str) and value.startswith(SCHEMAS):
        return f"{SCHEMAS}{service}.{value.removeprefix(SCHEMAS)}"
    return value


def _reachable(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = _references(paths)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= _references(schemas[name])
    return found


def _references(value: Any) -> set[str]:
    return set(re.findall(r"#/components/schemas/([^\"]+)", json.dumps(value)))
