"""The user's side of a payment: what `wx.requestPayment` and the cashier's buttons do (wechat.md 5.7)."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.wechat.signatures import pay_message, verify
from simulator.books import Row
from simulator.pay import frozen, funds, notices, numbers, transactions
from simulator.platform import Platform

PREPAY_SECONDS = 2 * 3600


class PayRefused(Exception):
    """The payment did not happen; `reason` is for tests, the message is what the client sees."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RequestPayment(BaseModel):
    """The parameters that the shop gave its client for `wx.requestPayment`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    timeStamp: str
    nonceStr: str
    package: str
    signType: str
    paySign: str


def pay(
    platform: Platform, out_trade_no: str, *, openid: str | None, coupon_fen: int, late: bool
) -> dict[str, Any]:
    """The user pays; the transaction is answered and its notice is on the way. Raises `PayRefused`.

    `late` is a cashier that was open before `time_expire` passed; a closed order refuses even that.
    """
    order = _payable(platform, out_trade_no, openid)
    now = platform.clock.now()
    if not late and now >= order["expires_at"]:
        raise PayRefused("expired", "requestPayment:fail 订单已过支付时间")
    if not 0 <= coupon_fen < order["total_fen"]:
        raise PayRefused("coupon", "the coupon must be less than the total")
    transaction_id = numbers.transaction_id(now)
    fee_fen = (order["total_fen"] * platform.rules.fee_bp + 5_000) // 10_000
    paid = {
        "trade_state": "SUCCESS",
        "transaction_id": transaction_id,
        "payer_total_fen": order["total_fen"] - coupon_fen,
        "fee_fen": fee_fen,
        "paid_at": now,
    }
    answer = transactions.shown(platform, {**order, **paid})
    with platform.books.entry():
        platform.books.write(
            "UPDATE transactions SET trade_state = ?, transaction_id = ?, payer_total_fen = ?, fee_fen = ?,"
            " paid_at = ? WHERE out_trade_no = ?",
            *paid.values(),
            out_trade_no,
        )
        funds.book(platform, "交易", order["total_fen"], reference=transaction_id, voucher=out_trade_no)
        funds.book(platform, "扣除交易手续费", -fee_fen, reference=transaction_id, voucher=out_trade_no)
        if transactions.shares_profit(order):
            frozen.freeze(platform, out_trade_no, order["total_fen"] - fee_fen)
        notices.enqueue(
            platform,
            "TRANSACTION.SUCCESS",
            out_trade_no=out_trade_no,
            notify_url=order["notify_url"],
            plaintext=answer,
        )
    platform.clock.wake()
    return answer


def check_request_payment(
    platform: Platform, out_trade_no: str, asked: RequestPayment, *, late: bool
) -> None:
    """What the WeChat client checks before it shows the cashier; raises `PayRefused`."""
    message = pay_message(platform.merchant.appid, asked.timeStamp, asked.nonceStr, asked.package)
    if asked.signType != "RSA" or not verify(platform.merchant.public_key, message, asked.paySign):
        raise PayRefused("pay_sign", "requestPayment:fail 支付验证签名失败")
    prepay = platform.books.row(
        "SELECT * FROM prepays WHERE prepay_id = ?", asked.package.removeprefix("prepay_id=")
    )
    if prepay is None or prepay["out_trade_no"] != out_trade_no or "prepay_id=" not in asked.package:
        raise PayRefused("prepay_id", "requestPayment:fail 支付缺少参数prepay_id")
    check_prepay_age(platform, prepay, late=late)


def check_prepay_age(platform: Platform, prepay: Row | None, *, late: bool) -> None:
    """A prepay_id opens the cashier for two hours; raises `PayRefused`."""
    if prepay is None:
        raise PayRefused("prepay_id", "requestPayment:fail 支付缺少参数prepay_id")
    if not late and platform.clock.now() >= prepay["created_at"] + PREPAY_SECONDS:
        raise PayRefused("prepay_age", "requestPayment:fail prepay_id已过期")


def latest_prepay(platform: Platform, out_trade_no: str) -> Row | None:
    """The prepay_id that a client would have in hand."""
    return platform.books.row(
        "SELECT * FROM prepays WHERE out_trade_no = ? ORDER BY created_at DESC LIMIT 1", out_trade_no
    )


def decline(platform: Platform, out_trade_no: str) -> dict[str, str]:
    """The user leaves the cashier; the order stays unpaid. Raises `PayRefused`."""
    _payable(platform, out_trade_no, None)
    platform.books.write(
        "UPDATE transactions SET declined_at = ? WHERE out_trade_no = ?", platform.clock.now(), out_trade_no
    )
    return {"errMsg": "requestPayment:fail cancel"}


def _payable(platform: Platform, out_trade_no: str, openid: str | None) -> Row:
    order = transactions.find(platform, out_trade_no)
    if order is None:
        raise PayRefused("unknown", "requestPayment:fail 订单不存在")
    if openid is not None and openid != order["openid"]:
        raise PayRefused("payer", "requestPayment:fail 下单账号与支付账号不一致")
    if order["paid_at"] is not None:
        raise PayRefused("paid", "requestPayment:fail 该订单已支付")
    if order["trade_state"] == "CLOSED":
        raise PayRefused("closed", "requestPayment:fail 该订单已关闭")
    return order
