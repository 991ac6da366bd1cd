"""How often the people of a role may use the API.

Revision 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("api_rate", sa.String(30), nullable=False, server_default="")
    op.add_column("role", column)


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("role", "api_rate")
