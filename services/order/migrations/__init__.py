"""The order database, revision by revision."""
