"""The category tree, at most three deep, so that nothing is more than three taps away (PD-02)."""
