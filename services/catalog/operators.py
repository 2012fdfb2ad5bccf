"""Which operators may read and which may change the catalog, and the record of every change (SEC14)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends

from shared.database import UnitOfWork
from shared.http.callers import Operator
from shared.http.identity import Principal

Editor = Annotated[Principal, Depends(Operator("operations"))]
Reader = Annotated[Principal, Depends(Operator("operations", "finance", "service_desk", "auditor"))]


async def record(
    work: UnitOfWork,
    caller: Principal,
    action: str,
    subject: str,
    *,
    at: datetime,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write an operator's change to the audit log, in the change's own transaction."""
    await work.audit_log.record(
        action,
        subject,
        actor_id=caller.subject,
        actor_roles=sorted(caller.roles),
        at=at,
        before=before,
        after=after,
    )
