"""Orders of WeChat Pay: prepay, query, close, and how an order looks (wechat.md 5.6 and 5.8)."""

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from simulator.books import Row
from simulator.clock import instant, rfc3339
from simulator.pay import numbers
from simulator.pay.door import Body, Call, own_mchid, read
from simulator.pay.errors import PayError, already_paid, unknown_order, wrong_field
from simulator.platform import Platform

DAY_SECONDS = 86_400
OPEN_FOR_SECONDS = 7 * DAY_SECONDS
LATEST_EXPIRY_SECONDS = 15 * DAY_SECONDS
STATE_WORDS = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "REFUND": "订单发生过退款，退款详情请查询退款单",
    "CLOSED": "订单已关闭",
}

OrderNumber = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*]{6,32}$")]
Fen = Annotated[int, Field(ge=1, le=10_000_000_000)]


class Amount(Body):
    """What is to be paid; `total` in fen."""

    total: Fen
    currency: Annotated[str, Field(pattern="^CNY$")] = "CNY"


class Payer(Body):
    """Who is to pay."""

    openid: Annotated[str, Field(min_length=1, max_length=128)]


class GoodsDetail(Body):
    """One item; `unit_price` in fen."""

    merchant_goods_id: Annotated[str, Field(min_length=1, max_length=32)]
    wechatpay_goods_id: Annotated[str, Field(max_length=32)] | None = None
    goods_name: Annotated[str, Field(max_length=256)] | None = None
    quantity: Annotated[int, Field(ge=1)]
    unit_price: Annotated[int, Field(ge=0)]


class Detail(Body):
    """The items of an order."""

    cost_price: Annotated[int, Field(ge=0)] | None = None
    invoice_id: Annotated[str, Field(max_length=32)] | None = None
    goods_detail: list[GoodsDetail] | None = None


class StoreInfo(Body):
    """A physical shop."""

    id: Annotated[str, Field(max_length=32)]
    name: Annotated[str, Field(max_length=256)] | None = None
    area_code: Annotated[str, Field(max_length=32)] | None = None
    address: Annotated[str, Field(max_length=512)] | None = None


class SceneInfo(Body):
    """Where the payer is."""

    payer_client_ip: Annotated[str, Field(min_length=1, max_length=45)]
    device_id: Annotated[str, Field(max_length=32)] | None = None
    store_info: StoreInfo | None = None


class SettleInfo(Body):
    """Whether the money waits for profit sharing."""

    profit_sharing: bool = False


class Prepay(Body):
    """`POST /v3/pay/transactions/jsapi`."""

    appid: Annotated[str, Field(min_length=1, max_length=32)]
    mchid: Annotated[str, Field(min_length=1, max_length=32)]
    description: Annotated[str, Field(min_length=1, max_length=127)]
    out_trade_no: OrderNumber
    time_expire: str | None = None
    attach: Annotated[str, Field(max_length=128)] | None = None
    notify_url: Annotated[str, Field(max_length=255)]
    goods_tag: Annotated[str, Field(max_length=32)] | None = None
    support_fapiao: bool | None = None
    limit_pay: list[str] | None = None
    amount: Amount
    payer: Payer
    detail: Detail | None = None
    scene_info: SceneInfo | None = None
    settle_info: SettleInfo | None = None


class Close(Body):
    """`POST …/close`."""

    mchid: str


def prepay(call: Call) -> dict[str, Any]:
    """Take an order, or the same order again, and answer a prepay_id."""
    order = read(call, Prepay)
    _check_prepay(call, order)
    books, now = call.platform.books, call.now
    request = order.model_dump_json(exclude={"time_expire"}, exclude_none=True)
    before = find(call.platform, order.out_trade_no)
    prepay_id = numbers.prepay_id(now)
    with books.entry():
        if before is None:
            books.insert(
                "transactions",
                out_trade_no=order.out_trade_no,
                openid=order.payer.openid,
                description=order.description,
                attach=order.attach,
                total_fen=order.amount.total,
                notify_url=order.notify_url,
                request=request,
                trade_state="NOTPAY",
                created_at=now,
                expires_at=_expiry(order.time_expire, now),
            )
        else:
            _check_repeat(before, request, now)
        books.insert("prepays", prepay_id=prepay_id, out_trade_no=order.out_trade_no, created_at=now)
    return {"prepay_id": prepay_id}


def query(call: Call) -> dict[str, Any]:
    """Tell an order's state, by the merchant's number or by the platform's."""
    if "mchid" not in call.query:
        raise wrong_field("/mchid", None, "缺少参数mchid", location="query")
    own_mchid(call, call.query["mchid"])
    out_trade_no = call.path.get("out_trade_no") or call.platform.books.value(
        "SELECT out_trade_no FROM transactions WHERE transaction_id = ?", call.path["transaction_id"]
    )
    order = out_trade_no and find(call.platform, out_trade_no)
    if not order or call.now < order["created_at"] + call.platform.rules.order_known_after_seconds:
        raise unknown_order()
    return shown(call.platform, order)


def close(call: Call) -> None:
    """Close an unpaid order; closing it again is fine."""
    read(call, Close)
    order = find(call.platform, call.path["out_trade_no"])
    if order is None:
        raise unknown_order()
    if order["paid_at"] is not None:
        raise already_paid()
    call.platform.books.write(
        "UPDATE transactions SET trade_state = 'CLOSED', closed_at = ? WHERE out_trade_no = ? AND closed_at IS NULL",
        call.now,
        order["out_trade_no"],
    )


def find(platform: Platform, out_trade_no: str) -> Row | None:
    """An order as it is now; an unpaid one closes by itself once its days are over."""
    books, now = platform.books, platform.clock.now()
    order = books.row("SELECT * FROM transactions WHERE out_trade_no = ?", out_trade_no)
    if order is None or order["trade_state"] != "NOTPAY":
        return order
    ends_at = max(order["created_at"] + OPEN_FOR_SECONDS, order["expires_at"])
    if now < ends_at:
        return order
    books.write(
        "UPDATE transactions SET trade_state = 'CLOSED', closed_at = ? WHERE out_trade_no = ?",
        ends_at,
        out_trade_no,
    )
    return {**order, "trade_state": "CLOSED", "closed_at": ends_at}


def shares_profit(order: Row) -> bool:
    """Whether the order was placed for profit sharing, which freezes its money (wechat.md 5.13)."""
    return bool((json.loads(order["request"]).get("settle_info") or {}).get("profit_sharing"))


def shown(platform: Platform, order: Row) -> dict[str, Any]:
    """An order as queries and notices show it."""
    state = order["trade_state"]
    answer: dict[str, Any] = {
        "appid": platform.merchant.appid,
        "mchid": platform.merchant.mchid,
        "out_trade_no": order["out_trade_no"],
        "trade_state": state,
        "trade_state_desc": STATE_WORDS[state],
        "promotion_detail": [],
    }
    if order["attach"] is not None:
        answer["attach"] = order["attach"]
    if order["paid_at"] is None:
        return answer | {"amount": {"total": order["total_fen"], "currency": "CNY"}, "payer": {}}
    coupon_fen = order["total_fen"] - order["payer_total_fen"]
    if coupon_fen:
        answer["promotion_detail"] = [_coupon(coupon_fen)]
    return answer | {
        "transaction_id": order["transaction_id"],
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "success_time": rfc3339(order["paid_at"]),
        "payer": {"openid": order["openid"]},
        "amount": {
            "total": order["total_fen"],
            "payer_total": order["payer_total_fen"],
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def _check_prepay(call: Call, order: Prepay) -> None:
    platform = call.platform
    address = urlsplit(order.notify_url)
    if address.scheme not in ("http", "https") or not address.hostname or address.query or address.fragment:
        raise wrong_field("/notify_url", order.notify_url, "回调地址必须是完整的URL且不能携带参数")
    if order.detail is not None and len(order.detail.model_dump_json(exclude_none=True).encode()) > 6144:
        raise wrong_field("/detail", None, "商品详情超过6144字节", inner=268435464)
    if order.time_expire is not None:
        try:
            instant(order.time_expire)
        except ValueError:
            raise wrong_field("/time_expire", order.time_expire, "time_expire格式错误") from None
    if order.appid != platform.merchant.appid:
        raise PayError(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试", inner=268445527)
    if not platform.books.value("SELECT 1 FROM users WHERE openid = ?", order.payer.openid):
        raise wrong_field(
            "/payer/openid", order.payer.openid, "无效的openid", message="无效的openid", inner=268501013
        )
    if platform.rules.collection_restricted:
        raise PayError(403, "NO_AUTH", "此商家的收款功能已被限制", inner=268448010)


def _check_repeat(before: Row, request: str, now: float) -> None:
    if before["paid_at"] is not None:
        raise already_paid()
    if before["trade_state"] == "CLOSED" or now >= before["expires_at"]:
        raise PayError(400, "ORDER_CLOSED", "该订单已失效", inner=268447914)
    if json.loads(before["request"]) != json.loads(request):
        raise PayError(403, "OUT_TRADE_NO_USED", "商户订单号重复", inner=268498688)


def _expiry(time_expire: str | None, now: float) -> float:
    if time_expire is None:
        return now + OPEN_FOR_SECONDS
    expires_at = instant(time_expire)
    if expires_at > now + LATEST_EXPIRY_SECONDS:
        raise wrong_field("/time_expire", time_expire, "time_expire过长", inner=268435464)
    return max(expires_at, now + 60)


def _coupon(coupon_fen: int) -> dict[str, Any]:
    return {
        "coupon_id": "109519",
        "name": "新人立减",
        "scope": "GLOBAL",
        "type": "CASH",
        "amount": coupon_fen,
        "stock_id": "931386",
        "wechatpay_contribute": 0,
        "merchant_contribute": coupon_fen,
        "other_contribute": 0,
        "currency": "CNY",
    }
