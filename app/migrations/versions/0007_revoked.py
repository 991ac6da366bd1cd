"""When a key was revoked, which can be undone for a day.

Revision 0007.
"""

import sqlalchemy as sa
from alembic import op

from app.extensions import UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("token", sa.Column("revoked_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    """Delete what was revoked, which would work again otherwise, and take the column away."""
    op.execute("DELETE FROM token WHERE revoked_at IS NOT NULL")
    op.drop_column("token", "revoked_at")
