"""What the app counts out.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    table_id = sa.ForeignKey("definition.id", name="fk_counter_table_id", ondelete="CASCADE")
    op.create_table(
        "counter",
        sa.Column("table_id", sa.Integer(), table_id, primary_key=True),
        sa.Column("field_id", sa.String(40), primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("counter")
