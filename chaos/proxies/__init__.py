"""Wires between the services and their servers, which understand just enough to be cut at the worst moment."""
