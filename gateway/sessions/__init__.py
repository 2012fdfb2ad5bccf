"""Logins: opaque tokens of which only the digest is stored (SEC2)."""
