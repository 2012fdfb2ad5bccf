"""Reconciliation: bills, their rows and the differences."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
