"""What members agreed to, and when (CP-07, SEC12)."""
