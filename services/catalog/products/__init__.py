"""Products (SPU), their SKUs, and the pages that show them (PD-01, PD-03)."""
