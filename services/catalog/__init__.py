"""The catalog service: what the shop sells, how much of it there is, and how people find it."""
