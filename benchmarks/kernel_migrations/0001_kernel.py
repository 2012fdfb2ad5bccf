"""The kernel's tables."""

from shared.migrations import create_kernel_tables, make_prunable

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables()
    make_prunable()
