"""What orders bring and refunds take back: points and growth (L3)."""
