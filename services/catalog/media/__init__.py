"""The shop's own pictures, kept as rows and served with their tags (PD-03)."""
