"""What happens in the shop, counted: behaviour, facts, metrics and funnels."""
