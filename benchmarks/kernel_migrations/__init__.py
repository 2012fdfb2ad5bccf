"""The tables of the pair whose events are measured: what the kernel gives every service."""
