"""Our own load generator, in a process of its own so that its work is not counted as the shop's."""
