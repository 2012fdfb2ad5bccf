"""Durable timers: rows with a due time and a lease, run at least once, their effect once (K16)."""
