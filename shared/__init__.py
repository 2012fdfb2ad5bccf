"""The kernel: what every service needs and no shop rule; each piece would stand as a library."""
