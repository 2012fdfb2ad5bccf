"""That nothing was left undone, and that the shop's books agree with WeChat's."""

from typing import Any

from sqlalchemy import text

from demo.client import Client
from demo.filling.wechat import WeChat
from deploy.local.platform import Platform
from shared.database import reading

_STALLED = text("SELECT reaction, type, reason FROM stalled_events LIMIT 5")


class DemoFailed(Exception):
    """The demo was made, but the shop is not as it should be."""


async def check_nothing_is_stalled(platform: Platform) -> None:
    """Every event was reacted to; raises DemoFailed."""

    for name in platform.workers:
        async with reading(platform.resources[name].engine) as connection:
            stalled = await connection.execute(_STALLED)
        if stalled:
            raise DemoFailed(f"Some events could not be reacted to: {stalled}")


async def check_books(owner: Client, wechat: WeChat) -> None:
    """What was paid and given back is the same, payment by payment, here and at WeChat; raises DemoFailed."""
    ours = {
        payment["order_number"]: (payment["paid_fen"], payment["refunded_fen"])
        for payment in await _all(owner, "/operator/payments")
        if payment["method"] != "zero"
    }
    books = await wechat.books()
    paid = {row["out_trade_no"]: row["total_fen"] for row in books["payments"] if row["paid_at"]}
    refunded: dict[str, int] = {}
    for row in books["refunds"]:
        if row["status"] == "SUCCESS":
            refunded[row["out_trade_no"]] = refunded.get(row["out_trade_no"], 0) + row["refund_fen"]
    theirs = {number: (paid.get(number, 0), refunded.get(number, 0)) for number in ours}
    if different := {
        number: (ours[number], theirs[number]) for number in ours if ours[number] != theirs[number]
    }:
        raise DemoFailed(f"Our books and WeChat's differ (paid, refunded) for {different}")


async def _all(owner: Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after = None
    while True:
        page = await owner.get(path, limit=100, after=after)
        items += page["items"]
        after = page["next"]
        if after is None:
            return items
