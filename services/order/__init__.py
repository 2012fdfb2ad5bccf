"""The order service: carts, checkout, orders and after-sales."""
