"""From wishes to an itemised, explained price (OR-01, MK-17)."""
