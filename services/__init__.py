"""The shop's services; each imports itself and the kernel, never a sibling."""
