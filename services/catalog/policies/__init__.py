"""After-sale policies shown before a purchase and copied into the order (PD-12)."""
