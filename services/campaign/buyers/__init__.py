"""Who has bought before: the others are new members."""
