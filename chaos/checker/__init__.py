"""Decides from the journal, the observations and the simulator's books alone whether anything was lost or doubled (P1).

It shares no code with the shop: what an order earns, what a unit costs or when a coupon is free is worked out here anew.
"""

from chaos.checker.check import Finding, check

__all__ = ["Finding", "check"]
