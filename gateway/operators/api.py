"""Operators log in, and the owner manages their accounts."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field

from gateway.operators.storage import Operator, Operators, is_password
from gateway.resources import GatewayResources
from gateway.sessions.storage import Sessions
from shared.database import begin, reading
from shared.http.app import service_router
from shared.http.bodies import Body, View
from shared.http.callers import OWNER, ROLES, Operator as Allowed
from shared.http.identity import Kind, Principal
from shared.http.paging import Page
from shared.http.problems import NotFound, Problem, Unauthenticated

router = service_router("/operator", tags=["operators"])

Role = Literal["owner", "operations", "finance", "service_desk", "auditor"]
Username = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,39}$")]
Password = Annotated[str, Field(min_length=10, max_length=200)]

OPERATOR_SESSIONS = 5


class WrongLogin(Unauthenticated):
    """The name or the password is wrong; which of them is not said."""

    slug, title = "gateway/wrong-login", "Wrong user name or password"


class UsernameTaken(Problem):
    """Another operator has this name."""

    slug, title, status = "gateway/username-taken", "This user name is taken", 409


class LastOwner(Problem):
    """The shop must keep an owner who can log in."""

    slug, title, status = "gateway/last-owner", "The last owner cannot be taken away", 409


class OperatorLogin(Body):
    """An operator's name and password."""

    username: Annotated[str, Field(max_length=40)]
    password: Annotated[str, Field(max_length=200)]


class OperatorSessionView(View):
    """An operator's login."""

    token: str
    expires_at: datetime
    username: str
    roles: list[str]


class OperatorCreate(Body):
    """A new operator."""

    username: Username
    password: Password
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(ROLES))]


class OperatorChange(Body):
    """What changes of an operator; what is left out stays."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=len(ROLES))] | None = None
    is_active: bool | None = None
    password: Password | None = None


class OperatorView(View):
    """An operator's account."""

    operator_id: UUID
    username: str
    roles: list[str]
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, operator: Operator) -> "OperatorView":
        """The account as it may be seen."""
        return cls(
            operator_id=operator.id,
            username=operator.username,
            roles=sorted(operator.roles),
            is_active=operator.is_active,
            created_at=operator.created_at,
        )


Owner = Annotated[Principal, Depends(Allowed(OWNER))]
Reader = Annotated[Principal, Depends(Allowed(OWNER, "auditor"))]


@router.post("/auth/login", status_code=201)
async def log_in(body: OperatorLogin, request: Request) -> OperatorSessionView:
    """Log in as an operator."""
    resources: GatewayResources = request.app.state.resources
    async with reading(resources.engine) as connection:
        found = await Operators(connection).find(body.username)
    right = await is_password(body.password, found[1] if found else None)
    if found is None or not right:
        raise WrongLogin()
    operator, password_hash = found
    at = resources.clock.now()
    async with begin(resources.engine) as work:
        if not await Operators(work.connection).still_has(operator.id, password_hash):
            raise WrongLogin()
        token, expires_at = await Sessions(work.connection).open(
            Kind.OPERATOR,
            operator.id,
            wechat_openid=None,
            at=at,
            lasts=resources.settings.session_absolute,
            keep=OPERATOR_SESSIONS,
        )
        await work.audit_log.record(
            "operator.log-in",
            f"operator/{operator.id}",
            by=Principal(Kind.OPERATOR, subject=operator.id, roles=frozenset(operator.roles)),
            at=at,
        )
    return OperatorSessionView(
        token=token, expires_at=expires_at, username=operator.username, roles=sorted(operator.roles)
    )


@router.get("/me")
async def me(request: Request, caller: Annotated[Principal, Depends(Allowed(*ROLES))]) -> OperatorView:
    """The operator who asks."""
    resources: GatewayResources = request.app.state.resources
    async with reading(resources.engine) as connection:
        operator = await Operators(connection).get(caller.subject) if caller.subject else None
    if operator is None:
        raise NotFound()
    return OperatorView.of(operator)


@router.get("/operators")
async def list_operators(request: Request, _: Reader) -> Page[OperatorView]:
    """All operators."""
    resources: GatewayResources = request.app.state.resources
    async with reading(resources.engine) as connection:
        return Page(items=[OperatorView.of(operator) for operator in await Operators(connection).all()])


@router.post("/operators", status_code=201)
async def add_operator(body: OperatorCreate, request: Request, caller: Owner) -> OperatorView:
    """Give somebody an account."""
    resources: GatewayResources = request.app.state.resources
    at = resources.clock.now()
    roles = sorted(set(body.roles))
    async with begin(resources.engine) as work:
        operators = Operators(work.connection)
        operator_id = await operators.add(body.username, body.password, list(roles), at=at)
        if operator_id is None:
            raise UsernameTaken()
        await work.audit_log.record(
            "operator.create",
            f"operator/{operator_id}",
            by=caller,
            at=at,
            after={"username": body.username, "roles": roles},
        )
    return OperatorView(
        operator_id=operator_id, username=body.username, roles=list(roles), is_active=True, created_at=at
    )


@router.patch("/operators/{operator_id}")
async def change_operator(
    operator_id: UUID, body: OperatorChange, request: Request, caller: Owner
) -> OperatorView:
    """Change roles, activity or password; a changed password or a closed account ends all its logins."""
    resources: GatewayResources = request.app.state.resources
    async with begin(resources.engine) as work:
        operators = Operators(work.connection)
        before = await operators.lock(operator_id)
        if before is None:
            raise NotFound()
        roles = sorted(set(body.roles)) if body.roles is not None else before.roles
        is_active = before.is_active if body.is_active is None else body.is_active
        await operators.change(operator_id, roles=list(roles), is_active=is_active, password=body.password)
        if await operators.active_owners() == 0:
            raise LastOwner()
        if body.password is not None or not is_active:
            await Sessions(work.connection).close_all(Kind.OPERATOR, operator_id)
        await work.audit_log.record(
            "operator.change",
            f"operator/{operator_id}",
            by=caller,
            at=resources.clock.now(),
            before={"roles": before.roles, "is_active": before.is_active},
            after={
                "roles": list(roles),
                "is_active": is_active,
                "password_changed": body.password is not None,
            },
        )
    return OperatorView(
        operator_id=operator_id,
        username=before.username,
        roles=list(roles),
        is_active=is_active,
        created_at=before.created_at,
    )
