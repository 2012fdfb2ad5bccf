"""What the price engine refuses to compute with."""


class InvalidPriceRequest(ValueError):
    """A value no price can be computed from: a bug or an attack, never a shopper's choice."""


class InvalidRefund(ValueError):
    """More is asked back than was bought, or of a line that is not there."""


def require_whole(name: str, value: object, *, least: int, most: int) -> None:
    """Raise InvalidPriceRequest unless `value` is an int, no bool and no float, within the bounds (4.F)."""
    if type(value) is not int or not least <= value <= most:
        raise InvalidPriceRequest(f"{name} must be a whole number from {least} to {most}")
