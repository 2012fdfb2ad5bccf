"""Sharing what an order brought with others, through WeChat Pay, and taking it back before a refund (PY-03)."""
