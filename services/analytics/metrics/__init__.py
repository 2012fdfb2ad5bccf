"""The shop's numbers: each defined once, by the day and over a period."""
