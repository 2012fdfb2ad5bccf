"""Shipping: parcels that were acknowledged exist once, none for a closed order, receipts are kept (P1, P5)."""

from collections.abc import Iterator

from chaos.checker.case import Case, Fault


def closed_orders_never_ship(case: Case) -> Iterator[Fault]:
    """Nothing leaves for an order that is not paid, and no more than was bought."""
    for order in case.observed.orders:
        shipped = sum(line.shipped_quantity for line in order.lines)
        parcels = case.observed.shipments_by_order.get(order.order_id, [])
        if (shipped or parcels) and not order.is_ever_paid:
            yield Fault({"order_id": order.order_id, "status": order.status}, 0, shipped)
        for line in order.lines:
            if line.shipped_quantity > line.quantity:
                yield Fault({"order_line_id": line.order_line_id}, line.quantity, line.shipped_quantity)


def acknowledged_shipment_is_kept(case: Case) -> Iterator[Fault]:
    """An acknowledged parcel is one parcel of its order, and each tracking number was sent once."""
    for call in case.named("ship-order"):
        found = case.observed.shipments_by_order.get(call.request["order_id"], [])
        parcels = {parcel.shipment_id: parcel.tracking_number for parcel in found}
        made = {answer["shipment_id"] for answer in call.acknowledged}
        keys = {"order_id": call.request["order_id"], "key": str(call.key)}
        if len(made) > 1:
            yield Fault(keys, "one parcel", sorted(made))
        for shipment_id in made - parcels.keys():
            yield Fault(keys, shipment_id, None)
        tracking_number = str(call.request["tracking_number"])
        count = list(parcels.values()).count(tracking_number)
        if count > 1:
            yield Fault(keys | {"tracking_number": tracking_number}, 1, count)


def acknowledged_receipt_is_kept(case: Case) -> Iterator[Fault]:
    """An order whose receipt was acknowledged is completed."""
    for call in case.named("confirm-receipt"):
        for answer in call.acknowledged:
            order = case.observed.order_by_id.get(answer["order_id"])
            if order is None or order.status != "completed":
                yield Fault({"order_id": answer["order_id"]}, "completed", order and order.status)
