"""The payment database, revision by revision."""
