"""Ending the relation with a receiver: from now on it gets nothing, and WeChat Pay is told until it knows (K9)."""

from datetime import datetime, timedelta
from uuid import UUID

from services.payment.profit_sharing.domain import REMOVE_RECEIVER, Receiver, ReceiverStatus
from services.payment.profit_sharing.receivers import Receivers
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.http.problems import NotFound
from shared.wechat.pay import OutcomeUnknown, WeChatPayRefused

TELL_AGAIN_AFTER = timedelta(minutes=5)
"""How long WeChat Pay is left alone that does not answer, or refuses."""


async def remove_receiver(work: UnitOfWork, receiver_id: UUID, *, at: datetime) -> Receiver:
    """Share nothing more with a receiver; what it was promised it still gets. Raises NotFound."""
    receivers = Receivers(work.connection)
    registered = [ReceiverStatus.ADDING, ReceiverStatus.ACTIVE]
    if await receivers.move(receiver_id, ReceiverStatus.REMOVING, before=registered, at=at):
        await work.timers.set(REMOVE_RECEIVER, str(receiver_id), due_at=at)
    if (receiver := await receivers.find(receiver_id)) is None:
        raise NotFound()
    return receiver


async def remove_at_provider(
    resources: PaymentResources, receiver_id: UUID, *, at: datetime
) -> datetime | None:
    """Tell WeChat Pay that a relation is over; returns when to tell it again, None when it knows."""
    async with begin(resources.engine) as work:
        receiver = await Receivers(work.connection).find(receiver_id)
    if receiver is None or receiver.status is not ReceiverStatus.REMOVING:
        return None
    try:
        delete = resources.wechat_pay.profit_sharing.delete_receiver(receiver.kind.type, receiver.account)
        await resources.answered(delete)
    except (OutcomeUnknown, WeChatPayRefused) as error:
        async with begin(resources.engine) as work:
            await Receivers(work.connection).note(receiver_id, str(error))
        return at + TELL_AGAIN_AFTER
    async with begin(resources.engine) as work:
        await Receivers(work.connection).move(
            receiver_id, ReceiverStatus.REMOVED, before=[ReceiverStatus.REMOVING], at=at
        )
    return None
