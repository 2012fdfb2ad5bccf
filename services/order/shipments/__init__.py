"""Parcels: shipping, reporting to WeChat, tracking, receipt (OR-03, OR-14)."""
