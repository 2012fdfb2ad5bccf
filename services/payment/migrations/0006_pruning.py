"""What was sent, claimed and answered long ago may be forgotten; disputed payments are found among millions."""

from alembic import op

from shared.migrations import make_prunable

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the marks, and what prunes by them."""
    make_prunable()
    op.execute("CREATE INDEX payments_disputed_idx ON payments (payment_id) WHERE disputed_at IS NOT NULL")
