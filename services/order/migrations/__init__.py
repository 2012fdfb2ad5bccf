"""The schema of the order database."""
