"""What was sent, claimed and answered long ago may be forgotten."""

from shared.migrations import make_prunable

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the marks, and what prunes by them."""
    make_prunable()
