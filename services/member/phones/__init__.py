"""The phone a member chose to give (LG-02)."""
