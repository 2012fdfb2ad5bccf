"""How the shop is started: on one machine, in containers, in a cluster."""
