"""What the shop is held against, measured in the same session on the same rows."""
