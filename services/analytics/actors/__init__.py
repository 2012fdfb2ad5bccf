"""Who an event belongs to, decided when it is asked."""
