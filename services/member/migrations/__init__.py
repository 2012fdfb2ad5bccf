"""The member database, revision by revision."""
