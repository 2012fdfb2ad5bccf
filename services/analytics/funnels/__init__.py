"""How far people get, step by step."""
