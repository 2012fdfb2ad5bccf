"""What the first page shows: banners, entries, featured categories, hot words (LG-06, PD-02)."""
