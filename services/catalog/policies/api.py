"""HTTP for after-sale policies."""

from typing import Annotated

from pydantic import Field

from services.catalog.fields import Code
from services.catalog.policies.storage import Policies, Policy
from services.catalog.resources import Own
from shared.database import reading
from shared.http.app import service_router
from shared.http.bodies import Body, LongText, Text, View
from shared.http.callers import AnyOperator, Editor
from shared.http.work import Now, Work

router = service_router("/operator/after-sale-policies", tags=["after-sale policies"])


class PolicySave(Body):
    """A policy; saving a known key replaces it (orders keep the text they were placed with)."""

    key: Code
    title: Text
    text: LongText
    days: Annotated[int, Field(ge=0, le=365)]
    is_default: bool = False


class PolicyView(View):
    """A policy; the default covers products and categories that name none (PD-12)."""

    key: str
    title: str
    text: str
    days: int
    is_default: bool


class PolicyList(View):
    """Every policy."""

    items: list[PolicyView]


@router.get("")
async def list_policies(caller: AnyOperator, resources: Own) -> PolicyList:
    """Every after-sale policy."""
    async with reading(resources.engine) as connection:
        policies = await Policies(connection).all()
    return PolicyList(items=[_view(policy) for policy in policies])


@router.post("", status_code=201)
async def save_policy(body: PolicySave, caller: Editor, work: Work, now: Now) -> PolicyView:
    """Add a policy, or replace the one with this key."""
    policy = Policy(**body.model_dump())
    await Policies(work.connection).save(policy, at=now)
    await work.audit_log.record(
        "after-sale-policy.save",
        f"after-sale-policy/{body.key}",
        by=caller,
        at=now,
        after=body,
    )
    return _view(policy)


def _view(policy: Policy) -> PolicyView:
    return PolicyView(**{name: getattr(policy, name) for name in Policy.__slots__})
