"""Bringing a day's reconciliation forward: every step may be cut off and is gone on with (PY-09)."""

import logging
from datetime import date, datetime
from time import monotonic

from services.payment.reconciliation.close_day import finish_day
from services.payment.reconciliation.compare_bills import compare_batch
from services.payment.reconciliation.domain import (
    NOT_READY_PAUSE,
    REFUSED_PAUSE,
    SILENT_PAUSE,
    DifferenceKind,
    Pace,
    Reconciliation,
    Status,
    Step,
    first_kept_day,
)
from services.payment.reconciliation.read_bill import UnreadableBill, read_bill
from services.payment.reconciliation.storage import Reconciliations
from services.payment.resources import PaymentResources
from shared.database import begin, reading
from shared.wechat.pay import BillDiffers, BillKind, BillNotReady, OutcomeUnknown, WeChatPayRefused

log = logging.getLogger(__name__)

USUAL_PACE = Pace()
READS = {Step.READ_TRADES: BillKind.TRADE, Step.READ_FUNDS: BillKind.FUND}


async def reconcile_day(
    resources: PaymentResources, bill_on: date, *, at: datetime, pace: Pace = USUAL_PACE
) -> datetime | None:
    """Go on with a day for a while, a batch at least; returns when to go on, None when nothing is left to do."""
    until = monotonic() + pace.seconds
    while (day := await _find(resources, bill_on)) is not None and day.status is Status.RUNNING:
        try:
            await _step(resources, day, pace=pace, until=until, at=at)
        except BillNotReady as error:
            return await _wait(resources, day, str(error), until=at + NOT_READY_PAUSE)
        except BillDiffers as error:
            await _distrust(resources, day, DifferenceKind.BAD_HASH, str(error), at=at)
            return await _wait(resources, day, str(error), until=at + NOT_READY_PAUSE)
        except UnreadableBill as error:
            await _distrust(resources, day, DifferenceKind.UNREADABLE_BILL, str(error), at=at)
            return await _wait(resources, day, str(error), until=at + REFUSED_PAUSE)
        except OutcomeUnknown as error:
            return await _wait(resources, day, str(error), until=at + SILENT_PAUSE)
        except WeChatPayRefused as error:
            is_over = bill_on < first_kept_day(at)
            return await _wait(resources, day, str(error), until=None if is_over else at + REFUSED_PAUSE)
        if monotonic() >= until:
            return at
    return None


async def _step(
    resources: PaymentResources, day: Reconciliation, *, pace: Pace, until: float, at: datetime
) -> None:
    if (kind := READS.get(day.step)) is not None:
        await read_bill(resources, day, kind, pace=pace, until=until, at=at)
    elif day.step is Step.FINISH:
        await finish_day(resources, day, at=at)
    else:
        await compare_batch(resources, day, pace=pace, at=at)


async def _find(resources: PaymentResources, bill_on: date) -> Reconciliation | None:
    async with reading(resources.engine) as connection:
        return await Reconciliations(connection).find(bill_on)


async def _distrust(
    resources: PaymentResources, day: Reconciliation, kind: DifferenceKind, reason: str, *, at: datetime
) -> None:
    """The file as a whole is a difference, until it can be read."""
    log.error("bill not trusted", extra={"bill_on": str(day.bill_on), "step": day.step, "reason": reason})
    async with begin(resources.engine) as work:
        await Reconciliations(work.connection).differ(
            day, READS[day.step], kind, [("file", {"reason": reason[:200]})], at=at
        )


async def _wait(
    resources: PaymentResources, day: Reconciliation, error: str, *, until: datetime | None
) -> datetime | None:
    async with begin(resources.engine) as work:
        await Reconciliations(work.connection).record_error(day.bill_on, error)
    return until
