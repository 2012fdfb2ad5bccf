"""Taking shares back from merchants before a refund (wechat.md 5.13)."""

import json
from typing import Annotated, Any

from pydantic import Field

from simulator.books import Row
from simulator.clock import rfc3339
from simulator.pay import funds, numbers
from simulator.pay.door import Body, Call, read
from simulator.pay.errors import PayError, invalid, wrong_field
from simulator.pay.profit_sharing import Description, OrderNumber
from simulator.pay.transactions import Fen
from simulator.platform import Platform

RETURNABLE_SECONDS = 180 * 86_400
MOST_RETURNS = 50


class ShareReturn(Body):
    """`POST /v3/profitsharing/return-orders`."""

    order_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    out_order_no: OrderNumber | None = None
    out_return_no: OrderNumber
    return_mchid: Annotated[str, Field(min_length=1, max_length=32)]
    amount: Fen
    description: Description


def take_back(call: Call) -> dict[str, Any]:
    """Accept a return, which is then PROCESSING; the same number and fields again answer the same return."""
    asked = read(call, ShareReturn)
    books, now = call.platform.books, call.now
    share = _share(call, asked)
    request = asked.model_dump(exclude_none=True)
    before = _row(call.platform, asked.out_return_no)
    if before is not None:
        if json.loads(before["request"]) != request:
            raise invalid("请求重入时，参数与首次请求时不一致", inner=268498688)
        return shown(call.platform, before)
    _check(call, share, asked)
    books.insert(
        "share_returns",
        out_return_no=asked.out_return_no,
        return_id=numbers.share_id(now),
        out_order_no=share["out_order_no"],
        request=json.dumps(request, ensure_ascii=False),
        return_mchid=asked.return_mchid,
        amount_fen=asked.amount,
        description=asked.description,
        result="PROCESSING",
        created_at=now,
        settles_at=now + call.platform.rules.share_settles_after_seconds,
    )
    call.platform.clock.wake()
    written = _row(call.platform, asked.out_return_no)
    assert written is not None
    return shown(call.platform, written)


def query(call: Call) -> dict[str, Any]:
    """Tell how a return stands."""
    row = _row(call.platform, call.path["out_return_no"])
    if row is None or row["out_order_no"] != call.query.get("out_order_no"):
        raise PayError(404, "RESOURCE_NOT_EXISTS", "分账回退单不存在")
    return shown(call.platform, row)


def settle_due(platform: Platform) -> None:
    """Finish the returns that are due; the money is the merchant's again."""
    due = platform.books.rows(
        "SELECT * FROM share_returns WHERE result = 'PROCESSING' AND settles_at <= ? ORDER BY settles_at",
        platform.clock.now(),
    )
    for row in due:
        reason = platform.rules.share_return_fails_as
        with platform.books.entry():
            platform.books.write(
                "UPDATE share_returns SET result = ?, fail_reason = ?, finished_at = ? WHERE out_return_no = ?",
                "SUCCESS" if reason is None else "FAILED",
                reason,
                platform.clock.now(),
                row["out_return_no"],
            )
            if reason is None:
                funds.book(
                    platform,
                    "分账回退",
                    row["amount_fen"],
                    reference=row["return_id"],
                    voucher=row["out_return_no"],
                    note=row["description"],
                )


def shown(platform: Platform, row: Row) -> dict[str, Any]:
    """A return as the API answers it."""
    answer: dict[str, Any] = {
        "order_id": platform.books.value(
            "SELECT order_id FROM share_orders WHERE out_order_no = ?", row["out_order_no"]
        ),
        "out_order_no": row["out_order_no"],
        "out_return_no": row["out_return_no"],
        "return_id": row["return_id"],
        "return_mchid": row["return_mchid"],
        "amount": row["amount_fen"],
        "description": row["description"],
        "result": row["result"],
        "create_time": rfc3339(row["created_at"]),
    }
    if row["fail_reason"] is not None:
        answer["fail_reason"] = row["fail_reason"]
    if row["finished_at"] is not None:
        answer["finish_time"] = rfc3339(row["finished_at"])
    return answer


def _share(call: Call, asked: ShareReturn) -> Row:
    if asked.order_id is None and asked.out_order_no is None:
        raise wrong_field("/out_order_no", None, "微信分账单号和商户分账单号不能同时为空")
    share = call.platform.books.row(
        "SELECT * FROM share_orders WHERE order_id = coalesce(?, order_id) AND out_order_no = coalesce(?, out_order_no)",
        asked.order_id,
        asked.out_order_no,
    )
    if share is None:
        raise PayError(404, "RESOURCE_NOT_EXISTS", "分账单不存在")
    return share


def _check(call: Call, share: Row, asked: ShareReturn) -> None:
    """Only merchants return, at most what they got, within 180 days and fifty times; raises the refusal."""
    books = call.platform.books
    if call.now > share["created_at"] + RETURNABLE_SECONDS:
        raise invalid("分账单已超过可回退的最大期限(180天)")
    got_fen: int = books.value(
        "SELECT coalesce(sum(amount_fen), 0) FROM shares WHERE out_order_no = ? AND type = 'MERCHANT_ID'"
        " AND account = ? AND account <> ? AND result = 'SUCCESS'",
        share["out_order_no"],
        asked.return_mchid,
        call.platform.merchant.mchid,
    )
    returned = books.row(
        "SELECT count(*) AS number, coalesce(sum(CASE WHEN return_mchid = ? THEN amount_fen END), 0) AS amount_fen"
        " FROM share_returns WHERE out_order_no = ? AND result <> 'FAILED'",
        asked.return_mchid,
        share["out_order_no"],
    )
    assert returned is not None
    if returned["amount_fen"] + asked.amount > got_fen:
        raise invalid("回退金额超过可回退金额")
    if returned["number"] >= MOST_RETURNS:
        raise invalid("分账回退次数超过上限50次")


def _row(platform: Platform, out_return_no: str) -> Row | None:
    return platform.books.row("SELECT * FROM share_returns WHERE out_return_no = ?", out_return_no)
