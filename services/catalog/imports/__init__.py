"""Bringing many products in from a CSV file (PD-01)."""
