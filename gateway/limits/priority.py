"""Who is turned away first when more is asked than can be done (P13, SEC7)."""

from enum import StrEnum


class Priority(StrEnum):
    """From the most important to the least; VITAL (callbacks and health) is never turned away."""

    VITAL = "vital"
    PAYMENT = "payment"
    ORDER = "order"
    CART = "cart"
    SEARCH = "search"
    BROWSE = "browse"
    BEACON = "beacon"


TURNED_AWAY_IN_ORDER = (
    Priority.BEACON,
    Priority.BROWSE,
    Priority.SEARCH,
    Priority.CART,
    Priority.ORDER,
    Priority.PAYMENT,
)
