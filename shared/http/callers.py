"""FastAPI dependencies that say who may call a route; default deny (SEC3, SEC14)."""

from typing import Annotated

from fastapi import Depends, Request

from shared.http.identity import Kind, Principal
from shared.http.problems import Forbidden, NotFound, Unauthenticated

OWNER = "owner"
ROLES = ("owner", "operations", "finance", "service_desk", "auditor")
"""The operators' roles; the owner may do everything, the auditor may only read."""


def principal(request: Request) -> Principal:
    """The verified caller, whoever it is."""
    found: Principal = request.scope["principal"]
    return found


async def _any_caller(request: Request) -> Principal:
    return principal(request)


async def _member(request: Request) -> Principal:
    caller = principal(request)
    if caller.kind is not Kind.MEMBER:
        raise Unauthenticated()
    return caller


class Operator:
    """Lets operators through who have one of the roles (the owner always)."""

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles) | {OWNER}

    async def __call__(self, request: Request) -> Principal:
        caller = principal(request)
        if caller.kind is not Kind.OPERATOR:
            raise Unauthenticated()
        if not caller.roles & self.roles:
            raise Forbidden(f"This needs one of the roles {', '.join(sorted(self.roles))}.")
        return caller


class CalledBy:
    """Lets only the named sibling services through: the callee's allow-list (SEC3)."""

    def __init__(self, *services: str) -> None:
        self.services = frozenset(services)

    async def __call__(self, request: Request) -> Principal:
        caller = principal(request)
        if caller.issuer not in self.services:
            raise NotFound()
        return caller


AnyCaller = Annotated[Principal, Depends(_any_caller)]
Member = Annotated[Principal, Depends(_member)]
FromOrder = Annotated[Principal, Depends(CalledBy("order"))]

AnyOperator = Annotated[Principal, Depends(Operator(*ROLES))]
Editor = Annotated[Principal, Depends(Operator("operations"))]
"""Keeps goods, campaigns and rules, and sends parcels."""
Refunder = Annotated[Principal, Depends(Operator("operations", "finance"))]
"""Gives money back."""
Accountant = Annotated[Principal, Depends(Operator("finance"))]
"""Settles what the payment provider could not."""
BooksReader = Annotated[Principal, Depends(Operator("finance", "auditor"))]
"""Reads payments and the cash books."""
NumbersReader = Annotated[Principal, Depends(Operator("operations", "finance", "auditor"))]
"""Reads the shop's numbers."""
Auditor = Annotated[Principal, Depends(Operator("auditor"))]
"""Reads who changed what."""
Overseer = Annotated[Principal, Depends(Operator("operations", "auditor"))]
"""Reads which events were given up on."""
PeopleReader = Annotated[Principal, Depends(Operator("operations", "service_desk", "auditor"))]
"""Reads members, and what happened to them."""
