"""The address book (LG-03)."""
