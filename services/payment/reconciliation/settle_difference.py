"""What people decide about a difference; nothing is credited by it, and the last decision may close the day."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause, text

from services.payment.reconciliation.close_day import close_if_settled
from services.payment.reconciliation.domain import Resolution
from services.payment.reconciliation.storage import Reconciliations
from shared.database import UnitOfWork
from shared.http.problems import NotFound, Problem

_DAY = text("SELECT bill_on FROM reconciliation_differences WHERE difference_id = :difference_id")
_CARRY = text(
    "UPDATE reconciliation_differences SET status = 'carried', owner_id = :by, note = :note"
    " WHERE difference_id = :difference_id AND status <> 'resolved'"
)
_RESOLVE = text(
    "UPDATE reconciliation_differences SET status = 'resolved', resolution = :resolution, note = :note,"
    " resolved_by = :by, resolved_at = :at WHERE difference_id = :difference_id AND status <> 'resolved'"
)


class DifferenceResolved(Problem):
    """What was decided stays so."""

    slug, title, status = "payment/difference-resolved", "This difference is resolved already", 409


async def carry_difference(
    work: UnitOfWork, difference_id: UUID, *, note: str, by: UUID, at: datetime
) -> None:
    """Take a difference on: it does not keep its day open any more. Raises NotFound, DifferenceResolved."""
    await _settle(work, difference_id, _CARRY, {"note": note, "by": by}, by=by, at=at)


async def resolve_difference(
    work: UnitOfWork, difference_id: UUID, resolution: Resolution, *, note: str, by: UUID, at: datetime
) -> None:
    """Decide about a difference, for good. Raises NotFound, DifferenceResolved."""
    values = {"resolution": resolution, "note": note, "by": by, "at": at}
    await _settle(work, difference_id, _RESOLVE, values, by=by, at=at)


async def _settle(
    work: UnitOfWork,
    difference_id: UUID,
    statement: TextClause,
    values: dict[str, object],
    *,
    by: UUID,
    at: datetime,
) -> None:
    found = await work.connection.execute(_DAY, {"difference_id": difference_id})
    if (bill_on := found.scalar_one_or_none()) is None:
        raise NotFound()
    await Reconciliations(work.connection).lock(bill_on)
    done = await work.connection.execute(statement, {**values, "difference_id": difference_id})
    if done.rowcount != 1:
        raise DifferenceResolved()
    await close_if_settled(work, bill_on, by=by, at=at)
