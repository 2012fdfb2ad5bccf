"""Sharing a payment's frozen money, and unfreezing the rest (wechat.md 5.13)."""

import json
from typing import Annotated, Any

from pydantic import Field

from simulator.books import Row
from simulator.clock import rfc3339
from simulator.pay import frozen, numbers, transactions
from simulator.pay.door import Body, Call, read, unsealed
from simulator.pay.errors import PayError, invalid
from simulator.pay.share_receivers import TYPES, own_appid
from simulator.pay.transactions import Fen
from simulator.platform import Platform

MOST_ORDERS = 50

OrderNumber = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
TransactionId = Annotated[str, Field(min_length=1, max_length=32)]
Description = Annotated[str, Field(min_length=1, max_length=80)]


class Part(Body):
    """What one receiver is to get; `amount` in fen, the name is sealed."""

    type: Annotated[str, Field(pattern=TYPES)]
    account: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    amount: Fen
    description: Description


class ShareOrder(Body):
    """`POST /v3/profitsharing/orders`."""

    appid: Annotated[str, Field(min_length=1, max_length=32)]
    transaction_id: TransactionId
    out_order_no: OrderNumber
    receivers: Annotated[list[Part], Field(min_length=1, max_length=50)]
    unfreeze_unsplit: bool


class Unfreeze(Body):
    """`POST /v3/profitsharing/orders/unfreeze`."""

    transaction_id: TransactionId
    out_order_no: OrderNumber
    description: Description


def share(call: Call) -> dict[str, Any]:
    """Accept a share, which is then PROCESSING; the same number and fields again answer the same share."""
    asked = read(call, ShareOrder)
    own_appid(call, asked.appid)
    for number, part in enumerate(asked.receivers):
        if part.name is not None:
            unsealed(call, f"/receivers/{number}/name", part.name)
    request = asked.model_dump(exclude={"receivers": {"__all__": {"name"}}})
    order = _shared_order(call, asked.transaction_id)
    if (before := _repeated(call, asked.out_order_no, request)) is not None:
        return before
    total_fen = sum(part.amount for part in asked.receivers)
    _check_share(call, order, total_fen)
    parts = [(part.type, part.account, part.amount, part.description) for part in asked.receivers]
    with call.platform.books.entry():
        frozen.shrink(call.platform, order["out_trade_no"], total_fen)
        if asked.unfreeze_unsplit:
            parts += _rest(call, order)
        row = _write(call, order, asked.out_order_no, request, parts, is_last=asked.unfreeze_unsplit)
    call.platform.clock.wake()
    return shown(call.platform, row)


def unfreeze(call: Call) -> dict[str, Any]:
    """Give the merchant what is still frozen, which ends the sharing of a payment."""
    asked = read(call, Unfreeze)
    order = _shared_order(call, asked.transaction_id)
    request = asked.model_dump()
    if (before := _repeated(call, asked.out_order_no, request)) is not None:
        return before
    if _is_processing(call, order):
        raise invalid("分账处理中，暂时无法解冻")
    with call.platform.books.entry():
        parts = _rest(call, order)
        if not parts:
            raise invalid("订单没有可解冻的资金")
        row = _write(call, order, asked.out_order_no, request, parts, is_last=True)
    call.platform.clock.wake()
    return shown(call.platform, row)


def query(call: Call) -> dict[str, Any]:
    """Tell how a share or an unfreezing stands."""
    row = _order_row(call.platform, call.path["out_order_no"])
    order = row and transactions.find(call.platform, row["out_trade_no"])
    if row is None or not order or order["transaction_id"] != call.query.get("transaction_id"):
        raise PayError(404, "RESOURCE_NOT_EXISTS", "分账单不存在")
    return shown(call.platform, row)


def amounts(call: Call) -> dict[str, Any]:
    """Tell how much of a payment can still be shared."""
    order = _shared_order(call, call.path["transaction_id"])
    unsplit_fen = frozen.amount_fen(call.platform, order["out_trade_no"])
    return {"transaction_id": order["transaction_id"], "unsplit_amount": unsplit_fen}


def shown(platform: Platform, row: Row) -> dict[str, Any]:
    """A share or an unfreezing as the API answers it."""
    order = transactions.find(platform, row["out_trade_no"])
    assert order is not None
    return {
        "transaction_id": order["transaction_id"],
        "out_order_no": row["out_order_no"],
        "order_id": row["order_id"],
        "state": row["state"],
        "receivers": [_shown_part(part) for part in parts_of(platform, row["out_order_no"])],
    }


def _shared_order(call: Call, transaction_id: str) -> Row:
    """A paid order whose money was to be frozen; raises the refusal."""
    out_trade_no = call.platform.books.value(
        "SELECT out_trade_no FROM transactions WHERE transaction_id = ?", transaction_id
    )
    order = transactions.find(call.platform, out_trade_no) if out_trade_no else None
    if order is None:
        raise PayError(404, "RESOURCE_NOT_EXISTS", "订单不存在", inner=268512771)
    if not transactions.shares_profit(order):
        raise invalid("非分账订单不支持分账")
    return order


def _repeated(call: Call, out_order_no: str, request: dict[str, Any]) -> dict[str, Any] | None:
    """The answer for a number that was used before; raises the refusal when it was for something else."""
    before = _order_row(call.platform, out_order_no)
    if before is None:
        return None
    if json.loads(before["request"]) != request:
        raise invalid("请求重入时，参数与首次请求时不一致", inner=268498688)
    return shown(call.platform, before)


def _check_share(call: Call, order: Row, total_fen: int) -> None:
    platform = call.platform
    if call.now < order["paid_at"] + platform.rules.share_possible_after_seconds:
        raise invalid("订单处理中，暂时无法分账，请稍后再试")
    orders = platform.books.rows(
        "SELECT is_last FROM share_orders WHERE out_trade_no = ?", order["out_trade_no"]
    )
    if any(each["is_last"] for each in orders) or call.now >= order["paid_at"] + frozen.FROZEN_SECONDS:
        raise invalid("该订单已完结分账")
    if len(orders) >= MOST_ORDERS:
        raise invalid("分账次数超过上限50次")
    shared_fen: int = platform.books.value(
        "SELECT coalesce(sum(amount_fen), 0) FROM shares JOIN share_orders USING (out_order_no)"
        " WHERE out_trade_no = ? AND result <> 'CLOSED'",
        order["out_trade_no"],
    )
    if shared_fen + total_fen > order["total_fen"] * platform.rules.share_max_bp // 10_000:
        raise PayError(403, "RULE_LIMIT", "分账金额超过最大分账比例")
    if total_fen > frozen.amount_fen(platform, order["out_trade_no"]):
        raise PayError(403, "NOT_ENOUGH", "分账金额不足")


def _is_processing(call: Call, order: Row) -> bool:
    sql = "SELECT 1 FROM share_orders WHERE out_trade_no = ? AND state = 'PROCESSING'"
    return bool(call.platform.books.value(sql, order["out_trade_no"]))


def _rest(call: Call, order: Row) -> list[tuple[str, str, int, str]]:
    """What is still frozen, thawed, as the merchant's own part; none when there is nothing."""
    rest_fen = frozen.amount_fen(call.platform, order["out_trade_no"])
    frozen.thaw(call.platform, order["out_trade_no"])
    merchant = call.platform.merchant.mchid
    return [("MERCHANT_ID", merchant, rest_fen, "解冻给分账方")] if rest_fen else []


def _write(
    call: Call,
    order: Row,
    out_order_no: str,
    request: dict[str, Any],
    parts: list[tuple[str, str, int, str]],
    *,
    is_last: bool,
) -> Row:
    books, now = call.platform.books, call.now
    books.insert(
        "share_orders",
        out_order_no=out_order_no,
        order_id=numbers.share_id(now),
        out_trade_no=order["out_trade_no"],
        request=json.dumps(request, ensure_ascii=False),
        is_last=int(is_last),
        state="PROCESSING",
        created_at=now,
        settles_at=now + call.platform.rules.share_settles_after_seconds,
    )
    for type_, account, amount_fen, description in parts:
        books.insert(
            "shares",
            detail_id=numbers.share_id(now),
            out_order_no=out_order_no,
            type=type_,
            account=account,
            amount_fen=amount_fen,
            description=description,
            result="PENDING",
            created_at=now,
        )
    written = _order_row(call.platform, out_order_no)
    assert written is not None
    return written


def _order_row(platform: Platform, out_order_no: str) -> Row | None:
    return platform.books.row("SELECT * FROM share_orders WHERE out_order_no = ?", out_order_no)


def parts_of(platform: Platform, out_order_no: str) -> list[Row]:
    """What each receiver is to get by a share, in the order in which it was asked for."""
    return platform.books.rows("SELECT * FROM shares WHERE out_order_no = ? ORDER BY rowid", out_order_no)


def _shown_part(part: Row) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "type": part["type"],
        "account": part["account"],
        "amount": part["amount_fen"],
        "description": part["description"],
        "result": part["result"],
        "detail_id": part["detail_id"],
        "create_time": rfc3339(part["created_at"]),
    }
    if part["fail_reason"] is not None:
        answer["fail_reason"] = part["fail_reason"]
    if part["finished_at"] is not None:
        answer["finish_time"] = rfc3339(part["finished_at"])
    return answer
