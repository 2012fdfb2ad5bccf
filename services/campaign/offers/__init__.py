"""What the shop offers on a cart, in the words of the price engine (MK-17)."""
