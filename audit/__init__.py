"""The audit: every invariant of the shop, looked for in all service databases, without changing any (P17)."""
