"""Orders from placing to closing or payment (OR-01, OR-11)."""
