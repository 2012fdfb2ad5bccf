"""Logging in through WeChat (LG-01, SEC1)."""
