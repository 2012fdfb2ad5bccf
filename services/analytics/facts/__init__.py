"""The shop's facts: buffered in PostgreSQL, kept and queried in ClickHouse SQL."""
