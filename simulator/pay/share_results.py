"""How shares settle: each receiver gets its part, or the part is frozen again (wechat.md 5.13)."""

from datetime import datetime

from simulator.books import Row
from simulator.clock import SHANGHAI
from simulator.pay import frozen, funds
from simulator.pay.profit_sharing import parts_of
from simulator.platform import Platform

MOST_FOR_A_PERSON_FEN = 20_000_000
"""What a person may get in a month."""


def settle_due(platform: Platform) -> None:
    """Finish the shares that are due: each receiver gets its part, or the part is frozen again."""
    due = platform.books.rows(
        "SELECT * FROM share_orders WHERE state = 'PROCESSING' AND settles_at <= ? ORDER BY settles_at",
        platform.clock.now(),
    )
    for row in due:
        with platform.books.entry():
            for part in parts_of(platform, row["out_order_no"]):
                _settle(platform, row, part)
            platform.books.write(
                "UPDATE share_orders SET state = 'FINISHED' WHERE out_order_no = ?", row["out_order_no"]
            )


def _settle(platform: Platform, row: Row, part: Row) -> None:
    reason = _why_not(platform, part)
    platform.books.write(
        "UPDATE shares SET result = ?, fail_reason = ?, finished_at = ? WHERE detail_id = ?",
        "SUCCESS" if reason is None else "CLOSED",
        reason,
        platform.clock.now(),
        part["detail_id"],
    )
    if reason is not None:
        frozen.grow(platform, row["out_trade_no"], part["amount_fen"])
    elif part["account"] != platform.merchant.mchid:
        funds.book(
            platform,
            "分账",
            -part["amount_fen"],
            reference=row["order_id"],
            voucher=row["out_order_no"],
            note=part["description"],
        )


def _why_not(platform: Platform, part: Row) -> str | None:
    """Why a receiver gets nothing, None when it gets its part."""
    if part["account"] == platform.merchant.mchid:
        return None
    books = platform.books
    if part["account"] in platform.rules.share_fails_for:
        return platform.rules.share_fails_for[part["account"]]
    if not books.value(
        "SELECT 1 FROM share_receivers WHERE type = ? AND account = ?", part["type"], part["account"]
    ):
        return "NO_RELATION"
    if part["type"] == "PERSONAL_OPENID":
        now = datetime.fromtimestamp(platform.clock.now(), SHANGHAI)
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
        received_fen: int = books.value(
            "SELECT coalesce(sum(amount_fen), 0) FROM shares"
            " WHERE account = ? AND finished_at >= ? AND result = 'SUCCESS'",
            part["account"],
            month,
        )
        if received_fen + part["amount_fen"] > MOST_FOR_A_PERSON_FEN:
            return "RECEIVER_RECEIPT_LIMIT"
    return None
