"""The analytics database, revision by revision."""
