"""Points: a double-entry ledger, lots that expire, holds for orders (MB-03, MB-04)."""
