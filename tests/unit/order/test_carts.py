"""What has become of a cart line since it was added."""

from services.order.carts.domain import CartLine, Flag, flags
from services.order.clients.catalog import Sku
from shared.ids import new_id
from tests.unit.order.orders import AT, a_sku


def a_cart_line(quantity: int = 2) -> CartLine:
    return CartLine(new_id(), quantity, True, 1_000, AT)


def told(sku: Sku | None) -> list[Flag]:
    return flags(a_cart_line(), sku)


def test_a_line_as_it_was_added_has_no_flags() -> None:
    assert told(a_sku(available=2)) == []


def test_a_line_tells_what_happened_to_its_sku() -> None:
    assert told(None) == [Flag.DELETED]
    assert told(a_sku(is_on_sale=False, available=0)) == [Flag.OFF_SALE]
    assert told(a_sku(available=1)) == [Flag.SHORT_OF_STOCK]
    assert told(a_sku(unit_price_fen=999)) == [Flag.PRICE_CHANGED]
    assert told(a_sku(unit_price_fen=999, available=0)) == [Flag.SHORT_OF_STOCK, Flag.PRICE_CHANGED]
