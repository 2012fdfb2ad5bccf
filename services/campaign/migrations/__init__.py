"""The campaign database, revision by revision."""
