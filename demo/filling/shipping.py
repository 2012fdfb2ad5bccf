"""What follows a paid order: the courier's rounds, the parcel's way, receipt, and what goes back."""

import asyncio
import hashlib
import hmac
import json
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

from demo.client import Refused
from demo.filling.stage import Parcel, Placed, Stage
from demo.filling.visiting import log_in
from demo.visits import Refund
from shared.settings import SECRETS_FOLDER

CARRIERS = ("ZTO", "SF", "YTO", "YD", "JTSD", "STO", "ZTO", "YZPY")
SCENE_OF_OWN_LIST = 1089
UNAUTHENTICATED = 401
LEAVES_TOWN_AFTER = timedelta(hours=6)
IS_CARRIED_ROUND_FOR = timedelta(hours=3)
LIES_AT_THE_DOOR_FOR = timedelta(hours=5)
LOOK_AGAIN_SECONDS = 0.01


async def courier_comes(stage: Stage) -> None:
    """Everything that is packed leaves."""
    await stage.time.tell_wechat()
    now = stage.time.now()
    leaving = [parcel for parcel in stage.packing_table if parcel.ready_at <= now]
    stage.packing_table = [parcel for parcel in stage.packing_table if parcel.ready_at > now]
    await asyncio.gather(*(_ship(stage, parcel) for parcel in leaving))


async def _ship(stage: Stage, parcel: Parcel) -> None:
    placed, now = parcel.placed, stage.time.now()
    carrier = CARRIERS[placed.number % len(CARRIERS)]
    tracking_number = f"{carrier}{73_000_000_000 + 7_919 * placed.number}"
    await stage.owner.post(
        f"/operator/orders/{placed.order_id}/shipments",
        {"carrier": carrier, "tracking_number": tracking_number},
    )
    stage.time.stir()
    city = placed.visitor.shopper.address.city
    received_at = (
        now + timedelta(days=parcel.paid.confirm_after_days) - timedelta(minutes=placed.number % 240)
    )
    delivered_at = received_at - LIES_AT_THE_DOOR_FOR
    tell = partial(_report, stage, carrier, tracking_number)
    way = (
        (now + LEAVES_TOWN_AFTER, ("collected", "快件已揽收"), ("in_transit", f"快件已发往{city}")),
        (
            delivered_at,
            ("out_for_delivery", f"快件已到达{city}，正在派送"),
            ("delivered", "快件已签收，签收人：本人"),
        ),
    )
    for at, *events in way:
        stage.agenda.add(at, partial(tell, events))
    stage.agenda.add(received_at, partial(_receive, stage, parcel))


async def _report(stage: Stage, carrier: str, tracking_number: str, events: list[tuple[str, str]]) -> None:
    """The carrier tells its last two doings, the latter just now."""
    now = stage.time.now()
    earlier = now - IS_CARRIED_ROUND_FOR
    told = [
        {"occurred_at": at.isoformat(), "status": status, "description": description}
        for at, (status, description) in zip((earlier, now), events, strict=True)
    ]
    body = {"carrier": carrier, "tracking_number": tracking_number, "events": told}
    await _push(stage, json.dumps(body).encode())


async def _push(stage: Stage, body: bytes) -> None:
    secret = (Path(os.environ[SECRETS_FOLDER]) / "order_logistics_secret").read_bytes()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-logistics-signature": signature}
    await stage.carrier.post_bytes("/callbacks/logistics", body, headers=headers)


async def _receive(stage: Stage, parcel: Parcel) -> None:
    """The shopper says that it arrived, logging in again if need be; some want a part of their money back."""
    visitor, path = parcel.placed.visitor, f"/orders/{parcel.placed.order_id}/confirm-receipt"
    try:
        await visitor.client.post(path)
    except Refused as refused:
        if refused.status != UNAUTHENTICATED:
            raise
        await log_in(stage, visitor, scene=SCENE_OF_OWN_LIST)
        await visitor.client.post(path)
    if (refund := parcel.paid.refund) is not None:
        at = stage.time.now() + timedelta(days=refund.after_days)
        stage.agenda.add(at, partial(_refund, stage, parcel.placed, refund))


async def _refund(stage: Stage, placed: Placed, refund: Refund) -> None:
    """The owner gives the money back, and sees it arrive."""
    await stage.time.tell_wechat()
    path = f"/operator/orders/{placed.order_id}"
    lines = (await stage.owner.get(path))["lines"]
    line = next(line for line in lines if line["sku_code"] == refund.line.sku_code)
    units = {"order_line_id": line["order_line_id"], "quantity": refund.line.quantity}
    await stage.owner.post(f"{path}/refunds", {"lines": [units], "reason": refund.reason})
    stage.time.stir()
    while any(each["status"] == "requested" for each in (await stage.owner.get(path))["refunds"]):
        await stage.time.run_timers()
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
