"""Shipping management: reporting what was sent for a payment, and how the order stands (wechat.md 4)."""

import json
from typing import Any

from simulator.books import Row
from simulator.clock import rfc3339
from simulator.mini import shipping_checks
from simulator.mini.companies import COMPANIES
from simulator.mini.door import Call
from simulator.mini.errors import MiniError
from simulator.mini.shipping_checks import EXPRESS, SPLIT, Report
from simulator.pay import transactions
from simulator.platform import Platform

CONFIRMED_AFTER_SECONDS = {EXPRESS: 10 * 86_400}
OTHERS_CONFIRMED_AFTER_SECONDS = 2 * 86_400
MOST_PARCELS = 15
TO_SHIP, SHIPPED, CONFIRMED, DONE, REFUNDED = 1, 2, 3, 4, 5
OK = {"errcode": 0, "errmsg": "ok"}


def upload(call: Call) -> dict[str, Any]:
    """`POST /wxa/sec/order/upload_shipping_info`: report parcels; once may they be replaced."""
    key = shipping_checks.order_key(call.content(), call.platform.merchant.mchid)
    report = shipping_checks.read(call.content())
    order = _managed_order(call, key)
    if report.openid != order["openid"]:
        raise MiniError(10060031, "payer openid not match")
    state = order_state(call.platform, order)
    if state == REFUNDED:
        raise MiniError(10060004, "order state does not allow shipping")
    if state in (CONFIRMED, DONE):
        raise MiniError(10060002, "shipping already finished")
    _write(call, order["out_trade_no"], report)
    return OK


def get_order(call: Call) -> dict[str, Any]:
    """`POST /wxa/sec/order/get_order`: one payment's shipping state."""
    given = call.content()
    key = (given.get("transaction_id"), given.get("merchant_trade_no"))
    if not any(key):
        raise MiniError(10060014, "param error")
    order = _managed_order(call, key)
    return {**OK, "order": shown(call.platform, order)}


def is_trade_managed(call: Call) -> dict[str, Any]:
    """`POST /wxa/sec/order/is_trade_managed`."""
    appid = call.content().get("appid")
    if not appid:
        raise MiniError(40097, "invalid args")
    if appid != call.platform.merchant.appid:
        raise MiniError(40013, "invalid appid")
    return {**OK, "is_trade_managed": call.platform.rules.trade_managed}


def delivery_list(call: Call) -> dict[str, Any]:
    """`POST /cgi-bin/express/delivery/open_msg/get_delivery_list`: the express companies."""
    companies = [{"delivery_id": key, "delivery_name": name} for key, name in COMPANIES.items()]
    return {"errcode": 0, "delivery_list": companies, "count": len(companies)}


def confirm_receipt(platform: Platform, out_trade_no: str) -> bool:
    """The user confirms that the goods arrived; says whether there was anything to confirm."""
    order = transactions.find(platform, out_trade_no)
    if order is None or order["paid_at"] is None or order_state(platform, order) != SHIPPED:
        return False
    now = platform.clock.now()
    platform.books.write("UPDATE shipping SET confirmed_at = ? WHERE out_trade_no = ?", now, out_trade_no)
    return True


def order_state(platform: Platform, order: Row) -> int:
    """1 to ship, 2 shipped, 3 receipt confirmed, 4 done, 5 wholly refunded; by the clock where it counts."""
    refunded_fen = platform.books.value(
        "SELECT coalesce(sum(refund_fen), 0) FROM refunds WHERE out_trade_no = ? AND status <> 'CLOSED'",
        order["out_trade_no"],
    )
    if refunded_fen >= order["total_fen"]:
        return REFUNDED
    shipping = _shipping(platform, order["out_trade_no"])
    if shipping is None or not shipping["finished"]:
        return TO_SHIP
    confirmed_at = shipping["confirmed_at"] or _confirms_itself_at(shipping)
    now = platform.clock.now()
    if now >= confirmed_at + platform.rules.settlement_after_seconds:
        return DONE
    return CONFIRMED if now >= confirmed_at else SHIPPED


def shown(platform: Platform, order: Row) -> dict[str, Any]:
    """One payment as get_order tells it."""
    return {
        "transaction_id": order["transaction_id"],
        "merchant_id": platform.merchant.mchid,
        "sub_merchant_id": "",
        "merchant_trade_no": order["out_trade_no"],
        "description": order["description"],
        "paid_amount": order["payer_total_fen"],
        "openid": order["openid"],
        "trade_create_time": int(order["created_at"]),
        "pay_time": int(order["paid_at"]),
        "order_state": order_state(platform, order),
        "in_complaint": False,
        "shipping": _parcels(_shipping(platform, order["out_trade_no"])),
    }


def record(platform: Platform, out_trade_no: str) -> dict[str, Any] | None:
    """The shipping record of an order for tests and people, None before anything was reported."""
    shipping = _shipping(platform, out_trade_no)
    if shipping is None:
        return None
    times = ("uploaded_at", "shipped_at", "confirmed_at")
    shown_times = {name: shipping[name] and rfc3339(shipping[name]) for name in times}
    return {**shipping, "parcels": json.loads(shipping["parcels"]), **shown_times}


def _write(call: Call, out_trade_no: str, report: Report) -> None:
    before = _shipping(call.platform, out_trade_no)
    parcels, finish_count = report.parcels, int(report.finished)
    if before is not None:
        old = json.loads(before["parcels"])
        fresh = [parcel for parcel in report.parcels if parcel not in old]
        if not fresh and report.finished == bool(before["finished"]):
            raise MiniError(10060023, "nothing changed")
        if report.uploaded_at <= before["uploaded_at"]:
            raise MiniError(10060014, "param error: upload_time must be later than the previous one")
        if before["finished"]:
            if before["finish_count"] >= 2:
                raise MiniError(10060003, "re-shipping already used")
            finish_count = 2
        elif report.delivery_mode == SPLIT == before["delivery_mode"]:
            parcels = old + fresh
    if len(parcels) > MOST_PARCELS:
        raise MiniError(10060024, "too many parcels")
    row = {
        "logistics_type": report.logistics_type,
        "delivery_mode": report.delivery_mode,
        "finished": int(report.finished),
        "finish_count": finish_count,
        "parcels": json.dumps(parcels, ensure_ascii=False),
        "uploaded_at": report.uploaded_at,
        "shipped_at": call.now if report.finished else None,
    }
    with call.platform.books.entry():
        call.platform.books.write("DELETE FROM shipping WHERE out_trade_no = ?", out_trade_no)
        call.platform.books.insert("shipping", out_trade_no=out_trade_no, **row)


def _managed_order(call: Call, key: tuple[str | None, str | None]) -> Row:
    """The paid order that shipping knows by now; raises 10060001."""
    platform = call.platform
    transaction_id, out_trade_no = key
    if transaction_id:
        out_trade_no = platform.books.value(
            "SELECT out_trade_no FROM transactions WHERE transaction_id = ?", transaction_id
        )
    order = transactions.find(platform, out_trade_no) if out_trade_no else None
    known = (
        order is not None
        and order["paid_at"] is not None
        and platform.rules.trade_managed
        and call.now >= order["paid_at"] + platform.rules.shipping_known_after_seconds
    )
    if order is None or not known:
        raise MiniError(10060001, "payment order not exist")
    return order


def _parcels(shipping: Row | None) -> dict[str, Any]:
    if shipping is None:
        return {"finish_shipping": False, "finish_shipping_count": 0, "shipping_list": []}
    parcels = json.loads(shipping["parcels"])
    uploaded_at = int(shipping["uploaded_at"])
    return {
        "delivery_mode": shipping["delivery_mode"],
        "logistics_type": shipping["logistics_type"],
        "finish_shipping": bool(shipping["finished"]),
        "goods_desc": ";".join(parcel["item_desc"] for parcel in parcels),
        "finish_shipping_count": shipping["finish_count"],
        "shipping_list": [
            {**parcel, "goods_desc": parcel["item_desc"], "upload_time": uploaded_at} for parcel in parcels
        ],
    }


def _shipping(platform: Platform, out_trade_no: str) -> Row | None:
    return platform.books.row("SELECT * FROM shipping WHERE out_trade_no = ?", out_trade_no)


def _confirms_itself_at(shipping: Row) -> float:
    after = CONFIRMED_AFTER_SECONDS.get(shipping["logistics_type"], OTHERS_CONFIRMED_AFTER_SECONDS)
    shipped_at: float = shipping["shipped_at"]
    return shipped_at + after
