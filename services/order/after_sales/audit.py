"""What operators did with requests, in the audit log (SEC14)."""

from datetime import datetime

from services.order.after_sales.domain import AfterSale
from shared.database import UnitOfWork
from shared.http.identity import Principal


async def audit(
    work: UnitOfWork, verb: str, before: AfterSale, after: AfterSale, *, by: Principal, at: datetime
) -> None:
    """Record an operator's step with the states it led from and to."""
    await work.audit_log.record(
        f"after-sale.{verb}",
        f"after-sale/{after.id}",
        by=by,
        at=at,
        before={"status": before.status, "version": before.version},
        after={"status": after.status, "version": after.version, "refund_id": after.refund_id},
    )
