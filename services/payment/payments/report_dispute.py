"""Recording a verified statement that is not what was agreed."""

import logging
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.payment.payments.refusals import Disputed
from services.payment.payments.storage import Payments
from services.payment.security.storage import SecurityEvents
from shared.database import begin

log = logging.getLogger(__name__)

PERSONAL = ("openid",)


async def report_dispute(engine: AsyncEngine, disputed: Disputed, *, source: str, at: datetime) -> None:
    """Mark the payment DISPUTED for an operator and log a security event; nothing else moves (P4).

    The same words asked for again by the clock are logged once.
    """
    said = {name: "another" if name in PERSONAL else value for name, value in disputed.differences.items()}
    async with begin(engine) as work:
        await Payments(work.connection).dispute(disputed.number, at=at)
        await SecurityEvents(work.connection).record_once(
            "disputed-statement", disputed.number, detail={"source": source, "said": said}, at=at
        )
    log.error(
        "disputed statement",
        extra={"number": disputed.number, "source": source, "fields": sorted(disputed.differences)},
    )
