"""What members mean to buy."""
