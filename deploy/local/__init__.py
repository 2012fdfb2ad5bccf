"""The platform on one machine: its servers, its runners and the set-up before them."""
