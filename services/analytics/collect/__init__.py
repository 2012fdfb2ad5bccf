"""Taking in what clients saw and did."""
