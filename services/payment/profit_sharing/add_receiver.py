"""Registering a receiver: the intent is committed, then WeChat Pay is called, then the answer is recorded (K9)."""

from datetime import datetime

from services.payment.payments.refusals import ProviderRefused
from services.payment.profit_sharing.domain import (
    REMOVE_RECEIVER,
    Receiver,
    ReceiverKind,
    ReceiverStatus,
)
from services.payment.profit_sharing.receivers import Receivers
from services.payment.resources import PaymentResources
from shared.database import UnitOfWork, begin
from shared.ids import new_id
from shared.wechat.pay import NewReceiver, WeChatPayRefused


async def register(
    resources: PaymentResources,
    kind: ReceiverKind,
    account: str,
    *,
    relation: str,
    custom_relation: str | None,
    name: str | None,
    at: datetime,
) -> Receiver:
    """Have WeChat Pay know a receiver; the same account again is the same receiver. The name is passed on, not kept.

    Raises ProviderRefused, and OutcomeUnknown: the same call again is safe, and nobody gets a share before.
    """
    async with begin(resources.engine) as work:
        receiver = await Receivers(work.connection).intend(
            new_id(), kind, account, relation=relation, custom_relation=custom_relation, at=at
        )
        await work.timers.cancel(REMOVE_RECEIVER, str(receiver.receiver_id))
    wanted = NewReceiver(
        type=kind.type, account=account, relation=relation, custom_relation=custom_relation, name=name
    )
    try:
        await resources.answered(resources.wechat_pay.profit_sharing.add_receiver(wanted))
    except WeChatPayRefused as refusal:
        async with begin(resources.engine) as work:
            await Receivers(work.connection).note(receiver.receiver_id, str(refusal))
        raise ProviderRefused(refusal.message, code=refusal.code) from refusal
    return receiver


async def activate(work: UnitOfWork, receiver: Receiver, *, at: datetime) -> Receiver:
    """Note that a receiver was registered; one that was removed meanwhile stays so. The receiver as it is then."""
    receivers = Receivers(work.connection)
    await receivers.move(receiver.receiver_id, ReceiverStatus.ACTIVE, before=[ReceiverStatus.ADDING], at=at)
    now_standing = await receivers.find(receiver.receiver_id)
    assert now_standing is not None
    return now_standing
