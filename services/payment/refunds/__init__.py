"""Giving money back: under one number, never more than was paid, and surplus by itself."""
