"""Decides from the journal, the observations and the simulator's books alone whether anything was lost or doubled (P1)."""
