"""The catalog database, revision by revision."""
