"""Reporting parcels to WeChat, without which the shop's money stays frozen (OR-14, wechat.md 4.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.order.clients import member, payment
from services.order.orders.addresses import unseal
from services.order.orders.domain import BoughtLine, Order, OrderStatus
from services.order.orders.storage import Orders
from services.order.resources import OURSELVES, OrderResources
from services.order.shipments.domain import Shipment, UploadStatus
from services.order.shipments.storage import Shipments
from shared.database import begin, reading
from shared.wechat.mini import (
    DeliveryMode,
    LogisticsType,
    Parcel,
    PaymentUnknown,
    QuotaExhausted,
    ShippingAlreadyDone,
    TokenRefused,
    WeChatBusy,
    WeChatRefused,
)

NEEDS_PHONE = "SF"
FIRST_PAUSE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 3_600
GIVE_UP_AFTER = timedelta(days=2)
PASSING = (WeChatBusy, PaymentUnknown, QuotaExhausted, TokenRefused)


@dataclass(frozen=True, slots=True)
class Report:
    """All that reporting an order's parcels needs."""

    order: Order
    lines: Mapping[UUID, BoughtLine]
    shipments: Sequence[Shipment]
    contents: Mapping[UUID, Mapping[UUID, int]]
    receiver_phone: str

    def is_last(self, shipment: Shipment) -> bool:
        """Whether nothing follows this parcel."""
        all_gone = self.order.status in (OrderStatus.SHIPPED, OrderStatus.COMPLETED)
        return all_gone and shipment.number == len(self.shipments)

    def mode(self) -> DeliveryMode:
        """One parcel for all, or several over time; what was begun as several stays so."""
        first = self.shipments[0]
        alone = len(self.shipments) == 1 and self.is_last(first) and first.uploaded_at is None
        return DeliveryMode.UNIFIED if alone else DeliveryMode.SPLIT

    def parcel(self, shipment: Shipment) -> Parcel:
        """The parcel as WeChat takes it."""
        names = (
            f"{self.lines[order_line_id].product_name}×{quantity}"
            for order_line_id, quantity in self.contents[shipment.id].items()
        )
        return Parcel(
            item_desc=";".join(names),
            tracking_no=shipment.tracking_number,
            express_company=shipment.carrier,
            receiver_phone=self.receiver_phone if shipment.carrier == NEEDS_PHONE else None,
        )

    def upload_time(self, at: datetime) -> datetime:
        """An instant after every earlier upload of this order."""
        earlier = [
            shipment.uploaded_at + timedelta(milliseconds=1)
            for shipment in self.shipments
            if shipment.uploaded_at is not None
        ]
        return max([at, *earlier])


async def upload_shipping(resources: OrderResources, order_id: UUID) -> datetime | None:
    """Report the first parcel that is not reported yet; returns when to go on, None when all are.

    Raises ServiceUnavailable while payment or member cannot say who paid.
    """
    at = resources.clock.now()
    report = await _read(resources, order_id)
    pending = [each for each in report.shipments if each.upload_status is UploadStatus.PENDING]
    if not pending:
        return None
    shipment = pending[0]
    paid = await payment.payment_of(resources.services, order_id, on_behalf_of=OURSELVES)
    if paid.transaction_id is None:
        await _record(resources, shipment, UploadStatus.NOT_NEEDED)
        return at
    try:
        uploaded_at = await _upload(resources, report, shipment, paid.transaction_id, at=at)
    except PASSING as passing:
        if at < shipment.shipped_at + GIVE_UP_AFTER:
            await _record(resources, shipment, UploadStatus.PENDING, error=repr(passing))
            pause = min(FIRST_PAUSE_SECONDS * 2**shipment.upload_attempts, LONGEST_PAUSE_SECONDS)
            return at + timedelta(seconds=pause)
        await _record(resources, shipment, UploadStatus.REFUSED, error=repr(passing))
    except WeChatRefused as refused:
        await _record(resources, shipment, UploadStatus.REFUSED, error=str(refused))
    else:
        await _record(resources, shipment, UploadStatus.UPLOADED, uploaded_at=uploaded_at)
    return at


async def _upload(
    resources: OrderResources, report: Report, shipment: Shipment, transaction_id: str, *, at: datetime
) -> datetime:
    openid = await member.openid(resources.services, report.order.member_id, on_behalf_of=OURSELVES)
    upload_time = report.upload_time(at)
    try:
        await resources.mini_program.upload_shipping_info(
            transaction_id,
            openid=openid,
            logistics_type=LogisticsType.EXPRESS,
            delivery_mode=report.mode(),
            is_all_delivered=report.is_last(shipment),
            shipping_list=[report.parcel(shipment)],
            upload_time=upload_time,
        )
    except ShippingAlreadyDone:
        # An earlier upload may have arrived although its answer did not.
        known = await resources.mini_program.order_shipping(transaction_id)
        if report.is_last(shipment) and not known.finish_shipping:
            raise
    return upload_time


async def _read(resources: OrderResources, order_id: UUID) -> Report:
    async with reading(resources.engine) as connection:
        orders, shipments = Orders(connection), Shipments(connection)
        sealed = await orders.address_sealed(order_id)
        return Report(
            order=await orders.find(order_id),
            lines={line.id: line for line in await orders.lines(order_id)},
            shipments=await shipments.of_order(order_id),
            contents=await shipments.contents(order_id),
            receiver_phone=unseal(resources.field_keys, sealed, order_id=order_id).phone,
        )


async def _record(
    resources: OrderResources,
    shipment: Shipment,
    upload_status: UploadStatus,
    *,
    uploaded_at: datetime | None = None,
    error: str | None = None,
) -> None:
    async with begin(resources.engine) as work:
        await Shipments(work.connection).record_upload(
            shipment.id, upload_status, uploaded_at=uploaded_at, error=error
        )
