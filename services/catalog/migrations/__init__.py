"""Migrations of the catalog's database."""
