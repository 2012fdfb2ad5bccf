"""Calls to the sibling services."""
