"""The buyer's buttons, and refunds that settle by hand."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request

from simulator.books import Row
from simulator.control import views
from simulator.control.door import Asked, Content, ControlError, asked, missing
from simulator.mini import shipping
from simulator.pay import cashier, frozen, funds, refunds
from simulator.pay.cashier import RequestPayment
from simulator.platform import Platform, platform_of


class Pay(Asked):
    """`wx.requestPayment` with the user's confirmation, or (`late`) a cashier that was already open."""

    request_payment: RequestPayment | None = None
    openid: str | None = None
    coupon_fen: int = 0
    late: bool = False


class Settle(Asked):
    """A refund's final state."""

    status: Literal["SUCCESS", "ABNORMAL", "CLOSED"]


class Money(Asked):
    """An amount in fen."""

    amount_fen: int = Field(ge=1)


def list_payments(request: Request) -> Content:
    """`GET /_control/payments?state=NOTPAY&limit=100`, newest first."""
    state = request.query_params.get("state")
    limit = int(request.query_params.get("limit", "100"))
    return {"items": views.payments(platform_of(request), state=state, limit=limit)}


def show_payment(request: Request) -> Content:
    """`GET /_control/payments/{out_trade_no}`: everything the books know."""
    found = views.payment(platform_of(request), request.path_params["out_trade_no"])
    if found is None:
        raise missing(request.path_params["out_trade_no"])
    return found


def pay(request: Request) -> Content:
    """`POST /_control/payments/{out_trade_no}/pay`: the client checks the parameters, the user pays."""
    platform, wish = platform_of(request), asked(request, Pay)
    out_trade_no = request.path_params["out_trade_no"]
    if wish.request_payment is not None:
        cashier.check_request_payment(platform, out_trade_no, wish.request_payment, late=wish.late)
    elif not wish.late:
        raise ControlError(
            422, "invalid", "request_payment is needed unless the cashier was open before (late)"
        )
    return cashier.pay(platform, out_trade_no, openid=wish.openid, coupon_fen=wish.coupon_fen, late=wish.late)


def confirm(request: Request) -> Content:
    """`POST /_control/payments/{out_trade_no}/confirm`: the page's button, with the latest prepay_id."""
    platform, out_trade_no = platform_of(request), request.path_params["out_trade_no"]
    cashier.check_prepay_age(platform, cashier.latest_prepay(platform, out_trade_no), late=False)
    return cashier.pay(platform, out_trade_no, openid=None, coupon_fen=0, late=False)


def decline(request: Request) -> Content:
    """`POST /_control/payments/{out_trade_no}/decline`: the user leaves the cashier."""
    return cashier.decline(platform_of(request), request.path_params["out_trade_no"])


def confirm_receipt(request: Request) -> Content:
    """`POST /_control/payments/{out_trade_no}/confirm-receipt`: the user says that the goods arrived."""
    platform, out_trade_no = platform_of(request), request.path_params["out_trade_no"]
    if not shipping.confirm_receipt(platform, out_trade_no):
        raise ControlError(409, "not_shipped", "nothing of this order waits for the user's confirmation")
    return show_payment(request)


def settle_refund(request: Request) -> Content:
    """`POST /_control/refunds/{out_refund_no}/settle`."""
    platform, wish = platform_of(request), asked(request, Settle)
    row = _refund(platform, request.path_params["out_refund_no"])
    if row["status"] != "PROCESSING":
        raise ControlError(409, "settled", f"the refund is {row['status']} already")
    refunds.settle(platform, row, wish.status)
    return refunds.shown(platform, _refund(platform, row["out_refund_no"]))


def top_up(request: Request) -> Content:
    """`POST /_control/top-ups {amount_fen}`: the merchant pays money in."""
    return _move(request, "充值", sign=1)


def withdraw(request: Request) -> Content:
    """`POST /_control/withdrawals {amount_fen}`: the merchant takes money out; refunds may then lack it."""
    return _move(request, "提现", sign=-1)


def _move(request: Request, business: str, *, sign: int) -> Content:
    platform, wish = platform_of(request), asked(request, Money)
    amount_fen = sign * wish.amount_fen
    if frozen.available_fen(platform) + amount_fen < 0:
        raise ControlError(409, "not_enough", "the merchant has not that much")
    with platform.books.entry():
        funds.book(platform, business, amount_fen, reference=f"{business}{platform.clock.now():.6f}")
    return {"balance_fen": funds.balance_fen(platform.books)}


def _refund(platform: Platform, out_refund_no: str) -> Row:
    row = platform.books.row("SELECT * FROM refunds WHERE out_refund_no = ?", out_refund_no)
    if row is None:
        raise missing(out_refund_no)
    return row
