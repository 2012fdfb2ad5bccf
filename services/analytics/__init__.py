"""The analytics service: what happens in the shop, counted: behaviour, facts, metrics and funnels."""
