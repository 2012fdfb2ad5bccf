"""The cash books: append-only double entry."""
