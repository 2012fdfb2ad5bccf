"""What was sent, claimed and answered long ago may be forgotten."""

from shared.migrations import make_prunable

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the marks, and what prunes by them."""
    make_prunable()
