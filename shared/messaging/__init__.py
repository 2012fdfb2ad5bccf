"""Outbox, relay, transports, consumers, inbox: what happened is told once and takes effect once (K2–K7)."""
