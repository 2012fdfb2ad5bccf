"""Refunds: the request with all its limits, the query, and how a refund settles (wechat.md 5.10)."""

import json
from typing import Annotated, Any

from pydantic import Field

from simulator.books import Row
from simulator.clock import rfc3339
from simulator.pay import frozen, funds, notices, numbers, transactions
from simulator.pay.door import Body, Call, read
from simulator.pay.errors import PayError, invalid, wrong_field
from simulator.pay.transactions import Fen, OrderNumber
from simulator.platform import Platform

REFUNDABLE_SECONDS = 365 * 86_400
MOST_REFUNDS = 50


class From(Body):
    """One account that a refund is taken from; `amount` in fen."""

    account: Annotated[str, Field(pattern="^(AVAILABLE|UNAVAILABLE)$")]
    amount: Fen


class RefundAmount(Body):
    """How much of how much; in fen."""

    refund: Fen
    total: Fen
    currency: Annotated[str, Field(pattern="^CNY$")]
    from_: list[From] | None = Field(None, alias="from")


class RefundedGoods(Body):
    """One item that is given back; amounts in fen."""

    merchant_goods_id: Annotated[str, Field(min_length=1, max_length=32)]
    wechatpay_goods_id: Annotated[str, Field(max_length=32)] | None = None
    goods_name: Annotated[str, Field(max_length=256)] | None = None
    unit_price: Annotated[int, Field(ge=0)]
    refund_amount: Annotated[int, Field(ge=0)]
    refund_quantity: Annotated[int, Field(ge=1)]


class Refund(Body):
    """`POST /v3/refund/domestic/refunds`."""

    transaction_id: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    out_trade_no: OrderNumber | None = None
    out_refund_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
    reason: Annotated[str, Field(max_length=80)] | None = None
    notify_url: Annotated[str, Field(max_length=256)] | None = None
    funds_account: Annotated[str, Field(pattern="^(AVAILABLE|UNSETTLED)$")] | None = None
    amount: RefundAmount
    goods_detail: list[RefundedGoods] | None = None


def refund(call: Call) -> dict[str, Any]:
    """Accept a refund, which is then PROCESSING; the same number and fields again answer the same refund."""
    asked = read(call, Refund)
    platform, books, now = call.platform, call.platform.books, call.now
    order = _order(call, asked)
    request = asked.model_dump_json(exclude_none=True, by_alias=True)
    before = books.row("SELECT * FROM refunds WHERE out_refund_no = ?", asked.out_refund_no)
    if before is not None:
        if json.loads(before["request"]) != json.loads(request):
            raise invalid("订单金额或退款金额与之前请求不一致，请核实后再试", inner=268448010)
        return shown(platform, before)
    payer_refund_fen, fee_back_fen = _shares(call, order, asked)
    own_frozen_fen = frozen.amount_fen(platform, order["out_trade_no"])
    if frozen.available_fen(platform) + own_frozen_fen + fee_back_fen < asked.amount.refund:
        raise PayError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
    after = platform.rules.refund_settles_after_seconds
    row = {
        "out_refund_no": asked.out_refund_no,
        "refund_id": numbers.refund_id(now),
        "out_trade_no": order["out_trade_no"],
        "request": request,
        "refund_fen": asked.amount.refund,
        "payer_refund_fen": payer_refund_fen,
        "fee_back_fen": fee_back_fen,
        "reason": asked.reason,
        "notify_url": asked.notify_url,
        "funds_account": asked.funds_account or "UNSETTLED",
        "status": "PROCESSING",
        "created_at": now,
        "settles_at": None if after is None else now + after,
        "settled_at": None,
    }
    with books.entry():
        books.insert("refunds", **row)
        books.write(
            "UPDATE transactions SET trade_state = 'REFUND' WHERE out_trade_no = ?", order["out_trade_no"]
        )
        _move_money(platform, row, sign=-1)
        frozen.shrink(platform, order["out_trade_no"], asked.amount.refund - fee_back_fen)
    platform.clock.wake()
    return shown(platform, row)


def query(call: Call) -> dict[str, Any]:
    """Tell how a refund stands."""
    row = call.platform.books.row("SELECT * FROM refunds WHERE out_refund_no = ?", call.path["out_refund_no"])
    if row is None:
        raise PayError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    return shown(call.platform, row)


def settle(platform: Platform, row: Row, status: str) -> None:
    """Give a PROCESSING refund its final state and send its notice; CLOSED gives the merchant the money back."""
    settled = {**row, "status": status, "settled_at": platform.clock.now()}
    with platform.books.entry():
        platform.books.write(
            "UPDATE refunds SET status = ?, settled_at = ? WHERE out_refund_no = ?",
            status,
            settled["settled_at"],
            row["out_refund_no"],
        )
        if status == "CLOSED":
            _move_money(platform, row, sign=1)
        if row["notify_url"]:
            notices.enqueue(
                platform,
                f"REFUND.{status}",
                out_trade_no=row["out_trade_no"],
                out_refund_no=row["out_refund_no"],
                notify_url=row["notify_url"],
                plaintext=_told(platform, settled),
            )
    platform.clock.wake()


def shown(platform: Platform, row: Row) -> dict[str, Any]:
    """A refund as the API answers it."""
    order = transactions.find(platform, row["out_trade_no"])
    assert order is not None
    account = platform.books.value(
        "SELECT received_account FROM redirections WHERE out_refund_no = ?", row["out_refund_no"]
    )
    answer: dict[str, Any] = {
        "refund_id": row["refund_id"],
        "out_refund_no": row["out_refund_no"],
        "transaction_id": order["transaction_id"],
        "out_trade_no": order["out_trade_no"],
        "channel": "ORIGINAL" if account is None else "OTHER_BANKCARD",
        "user_received_account": account or "支付用户零钱",
        "create_time": rfc3339(row["created_at"]),
        "status": row["status"],
        "funds_account": row["funds_account"],
        "amount": {
            "total": order["total_fen"],
            "refund": row["refund_fen"],
            "payer_total": order["payer_total_fen"],
            "payer_refund": row["payer_refund_fen"],
            "settlement_refund": row["refund_fen"],
            "settlement_total": order["total_fen"],
            "discount_refund": row["refund_fen"] - row["payer_refund_fen"],
            "currency": "CNY",
            "refund_fee": row["fee_back_fen"],
            "from": [],
        },
        "promotion_detail": [],
    }
    if row["status"] == "SUCCESS":
        answer["success_time"] = rfc3339(row["settled_at"])
    return answer


def _told(platform: Platform, row: Row) -> dict[str, Any]:
    """A refund as its notice tells it: `refund_status`, and fewer amounts."""
    whole = shown(platform, row)
    amount = whole["amount"]
    told = {
        "mchid": platform.merchant.mchid,
        "out_trade_no": whole["out_trade_no"],
        "transaction_id": whole["transaction_id"],
        "out_refund_no": whole["out_refund_no"],
        "refund_id": whole["refund_id"],
        "refund_status": whole["status"],
        "user_received_account": whole["user_received_account"],
        "amount": {name: amount[name] for name in ("total", "refund", "payer_total", "payer_refund")},
    }
    if "success_time" in whole:
        told["success_time"] = whole["success_time"]
    return told


def _order(call: Call, asked: Refund) -> Row:
    out_trade_no = asked.out_trade_no
    if asked.transaction_id is not None:
        out_trade_no = call.platform.books.value(
            "SELECT out_trade_no FROM transactions WHERE transaction_id = ?", asked.transaction_id
        )
    elif out_trade_no is None:
        raise wrong_field("/out_trade_no", None, "微信订单号和商户订单号不能同时为空")
    order = transactions.find(call.platform, out_trade_no) if out_trade_no else None
    if order is None or (asked.out_trade_no and asked.out_trade_no != order["out_trade_no"]):
        raise PayError(404, "RESOURCE_NOT_EXISTS", "订单不存在", inner=268512771)
    return order


def _shares(call: Call, order: Row, asked: Refund) -> tuple[int, int]:
    """What the payer gets and the fee that comes back, both cumulatively exact; raises for a broken limit."""
    books, now = call.platform.books, call.now
    if order["paid_at"] is None:
        raise invalid("订单未支付，不能退款")
    if asked.amount.total != order["total_fen"]:
        raise invalid("订单金额不一致，请核实后再试")
    if now > order["paid_at"] + REFUNDABLE_SECONDS:
        raise invalid("订单已超过可退款的最大期限(支付完成后一年内)")
    before = books.row(
        "SELECT count(*) AS number, coalesce(sum(refund_fen), 0) AS refund_fen,"
        " coalesce(sum(payer_refund_fen), 0) AS payer_refund_fen,"
        " coalesce(sum(fee_back_fen), 0) AS fee_back_fen, max(created_at) AS last_at"
        " FROM refunds WHERE out_trade_no = ? AND status <> 'CLOSED'",
        order["out_trade_no"],
    )
    assert before is not None
    refunded_fen = before["refund_fen"] + asked.amount.refund
    if refunded_fen > order["total_fen"]:
        raise invalid("申请退款金额大于订单可退金额", inner=268435464)
    if before["number"] >= MOST_REFUNDS:
        raise invalid("订单退款次数超过50次")
    if (
        before["last_at"] is not None
        and now < before["last_at"] + call.platform.rules.refund_interval_seconds
    ):
        raise PayError(429, "FREQUENCY_LIMITED", "同一订单多次退款需间隔1分钟", inner=268447840)
    return (
        order["payer_total_fen"] * refunded_fen // order["total_fen"] - before["payer_refund_fen"],
        order["fee_fen"] * refunded_fen // order["total_fen"] - before["fee_back_fen"],
    )


def _move_money(platform: Platform, row: Row, *, sign: int) -> None:
    names = ("退款", "退还交易手续费") if sign < 0 else ("退款关闭退回", "重新扣除交易手续费")
    for business, amount_fen in zip(names, (row["refund_fen"], -row["fee_back_fen"]), strict=True):
        funds.book(
            platform,
            business,
            sign * amount_fen,
            reference=row["refund_id"],
            voucher=row["out_refund_no"],
            note=row["reason"] or "",
        )
