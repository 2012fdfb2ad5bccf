"""Operators: accounts, roles, passwords (SEC14)."""
