"""The merchant's money at WeChat Pay: an append-only journal with its balance, which the fund bill prints."""

from simulator.books import Books
from simulator.platform import Platform


def balance_fen(books: Books) -> int:
    """What the merchant has now."""
    return books.value("SELECT balance_fen FROM funds ORDER BY id DESC LIMIT 1") or 0


def book(
    platform: Platform, business: str, amount_fen: int, *, reference: str, voucher: str = "", note: str = ""
) -> None:
    """Add one signed movement; a movement of nothing is none."""
    if amount_fen == 0:
        return
    platform.books.insert(
        "funds",
        at=platform.clock.now(),
        reference=reference,
        business=business,
        amount_fen=amount_fen,
        balance_fen=balance_fen(platform.books) + amount_fen,
        note=note,
        voucher=voucher,
    )
