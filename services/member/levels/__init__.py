"""Growth and the levels it leads to (MB-01, MB-02)."""
