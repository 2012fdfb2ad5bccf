"""What goes into a parcel, and how it is reported to WeChat (OR-03, OR-14)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.order.orders.domain import OrderStatus
from services.order.shipments.domain import (
    NothingToShip,
    Shipment,
    UploadStatus,
    choose,
    is_complete,
)
from services.order.shipments.upload_shipping import Report
from shared.http.problems import Invalid
from shared.ids import new_id
from shared.wechat.mini import DeliveryMode
from tests.unit.order.orders import AT, a_bought_line, an_order


def test_a_parcel_takes_all_that_is_left_unless_told_otherwise() -> None:
    mugs = a_bought_line(quantity=3, shipped_quantity=1, cancelled_quantity=1, refunded_quantity=1)
    cups, gone = a_bought_line(quantity=2), a_bought_line(quantity=4, shipped_quantity=4)
    content = choose([mugs, cups, gone], None)
    assert content == {mugs.id: 1, cups.id: 2}
    assert is_complete([mugs, cups, gone], content)
    assert not is_complete([mugs, cups, gone], {mugs.id: 1, cups.id: 1})


def test_a_parcel_cannot_take_more_than_is_left_nor_another_orders_line() -> None:
    mugs = a_bought_line(quantity=3, shipped_quantity=2)
    with pytest.raises(NothingToShip) as refused:
        choose([mugs], {mugs.id: 2})
    assert refused.value.document()["unshipped_quantity"] == 1
    with pytest.raises(Invalid):
        choose([mugs], {new_id(): 1})
    with pytest.raises(NothingToShip):
        choose([a_bought_line(quantity=1, shipped_quantity=1)], None)


def a_shipment(number: int, **values: Any) -> Shipment:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "order_id": new_id(),
        "number": number,
        "carrier": "ZTO",
        "tracking_number": f"ZTO{number}",
        "shipped_at": AT,
        "upload_status": UploadStatus.PENDING,
        "upload_attempts": 0,
        "upload_error": None,
        "uploaded_at": None,
    }
    return Shipment(**(defaults | values))


def a_report(status: OrderStatus, *shipments: Shipment) -> Report:
    line = a_bought_line(quantity=2 * max(1, len(shipments)))
    contents = {shipment.id: {line.id: 2} for shipment in shipments}
    return Report(an_order(status=status), {line.id: line}, shipments, contents, "13800138000")


def test_one_parcel_for_all_is_reported_as_one_and_several_as_several() -> None:
    alone = a_shipment(1)
    assert a_report(OrderStatus.SHIPPED, alone).mode() is DeliveryMode.UNIFIED
    assert a_report(OrderStatus.PARTLY_SHIPPED, alone).mode() is DeliveryMode.SPLIT
    assert a_report(OrderStatus.SHIPPED, a_shipment(1), a_shipment(2)).mode() is DeliveryMode.SPLIT
    reported = a_shipment(1, uploaded_at=AT)
    assert a_report(OrderStatus.SHIPPED, reported).mode() is DeliveryMode.SPLIT


def last(report: Report, shipments: Sequence[Shipment]) -> list[bool]:
    return [report.is_last(shipment) for shipment in shipments]


def test_only_the_parcel_that_nothing_follows_is_the_last() -> None:
    parcels = (a_shipment(1), a_shipment(2))
    assert last(a_report(OrderStatus.SHIPPED, *parcels), parcels) == [False, True]
    assert last(a_report(OrderStatus.COMPLETED, *parcels), parcels) == [False, True]
    assert last(a_report(OrderStatus.PARTLY_SHIPPED, *parcels), parcels) == [False, False]


def test_an_upload_is_later_than_every_one_before_it() -> None:
    before = a_shipment(1, uploaded_at=AT + timedelta(seconds=5))
    report = a_report(OrderStatus.SHIPPED, before, a_shipment(2))
    assert report.upload_time(AT) == AT + timedelta(seconds=5, milliseconds=1)
    assert report.upload_time(AT + timedelta(minutes=1)) == AT + timedelta(minutes=1)


def test_a_parcel_tells_its_goods_and_only_sf_the_masked_phone() -> None:
    zto, sf = a_shipment(1), a_shipment(2, carrier="SF", tracking_number="SF2")
    report = a_report(OrderStatus.SHIPPED, zto, sf)
    assert report.parcel(zto).as_entry() == {
        "item_desc": "马克杯×2",
        "tracking_no": "ZTO1",
        "express_company": "ZTO",
    }
    phone = report.parcel(sf).as_entry()["contact"]["receiver_contact"]
    assert phone.endswith("8000")
    assert "13800138000" not in phone
