"""What the platform costs, measured beside references that do the same by the barest means."""
