"""The freight rule of the shop."""
