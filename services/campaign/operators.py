"""Which operators may read and which may change campaigns, and the record of every change (SEC14)."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends

from shared.database import UnitOfWork
from shared.http.bodies import View
from shared.http.callers import ROLES, Operator
from shared.http.identity import Principal

Editor = Annotated[Principal, Depends(Operator("operations"))]
Reader = Annotated[Principal, Depends(Operator(*ROLES))]


async def record(
    work: UnitOfWork,
    caller: Principal,
    action: str,
    subject: str,
    *,
    at: datetime,
    before: View | None = None,
    after: View,
) -> None:
    """Write an operator's change to the audit log, in the change's own transaction."""
    await work.audit_log.record(
        action,
        subject,
        actor_id=caller.subject,
        actor_roles=sorted(caller.roles),
        at=at,
        before=before and before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
