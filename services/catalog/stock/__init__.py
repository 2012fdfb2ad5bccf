"""How much of each SKU there is, and who was promised some of it (S1–S3, K10–K12)."""
