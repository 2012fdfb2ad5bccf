"""Money that waits for profit sharing: in the balance, and nothing else may be paid from it (wechat.md 5.13)."""

from simulator.pay import funds
from simulator.platform import Platform

FROZEN_SECONDS = 30 * 86_400


def freeze(platform: Platform, out_trade_no: str, amount_fen: int) -> None:
    """Freeze what a payment brought, for thirty days at most."""
    until = platform.clock.now() + FROZEN_SECONDS
    platform.books.insert("frozen", out_trade_no=out_trade_no, amount_fen=amount_fen, until=until)


def amount_fen(platform: Platform, out_trade_no: str) -> int:
    """What of an order's money is still frozen."""
    found = platform.books.value(
        "SELECT amount_fen FROM frozen WHERE out_trade_no = ? AND until > ?",
        out_trade_no,
        platform.clock.now(),
    )
    return found or 0


def available_fen(platform: Platform) -> int:
    """What the merchant may pay from: the balance without everything that is frozen."""
    frozen_fen: int = platform.books.value(
        "SELECT coalesce(sum(amount_fen), 0) FROM frozen WHERE until > ?", platform.clock.now()
    )
    return funds.balance_fen(platform.books) - frozen_fen


def shrink(platform: Platform, out_trade_no: str, by_fen: int) -> None:
    """Take a share or a refund from an order's frozen money, or what there is of it."""
    platform.books.write(
        "UPDATE frozen SET amount_fen = max(0, amount_fen - ?) WHERE out_trade_no = ?", by_fen, out_trade_no
    )


def grow(platform: Platform, out_trade_no: str, by_fen: int) -> None:
    """Freeze again what a receiver did not get."""
    platform.books.write(
        "UPDATE frozen SET amount_fen = amount_fen + ? WHERE out_trade_no = ?", by_fen, out_trade_no
    )


def thaw(platform: Platform, out_trade_no: str) -> None:
    """Let go of everything that is still frozen of an order."""
    platform.books.write("DELETE FROM frozen WHERE out_trade_no = ?", out_trade_no)
