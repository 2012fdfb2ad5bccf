"""Giving money back by line and quantity (PY-08)."""
