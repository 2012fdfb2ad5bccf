"""Numbers that the platform gives out, in its own shapes."""

import secrets
from datetime import datetime

from simulator.clock import SHANGHAI


def transaction_id(at: float) -> str:
    """The number of a payment, 28 digits."""
    return "4200002" + _digits(3) + _day(at) + _digits(10)


def refund_id(at: float) -> str:
    """The number of a refund, 29 digits."""
    return "50300002" + _digits(3) + _day(at) + _digits(10)


def share_id(at: float) -> str:
    """The number of a share order, of one of its parts, or of a return, 28 digits."""
    return "3000842" + _digits(3) + _day(at) + _digits(10)


def prepay_id(at: float) -> str:
    """The number of a prepared payment, 36 characters."""
    return f"wx{datetime.fromtimestamp(at, SHANGHAI):%d%H%M%S}" + secrets.token_hex(13)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, SHANGHAI):%Y%m%d}"


def _digits(count: int) -> str:
    return str(secrets.randbelow(10**count)).zfill(count)
