"""People, their sessions and one-use links.

Revision 0001, the first.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.extensions import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _base() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
    ]


def _person_id(table: str, nullable: bool) -> sa.Column[Any]:
    name = f"fk_{table}_person_id"
    key = sa.ForeignKey("person.id", name=name, ondelete="CASCADE")
    return sa.Column("person_id", sa.Integer(), key, nullable=nullable, index=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("theme", sa.String(10), nullable=False),
        sa.Column("density", sa.String(10), nullable=False),
        sa.Column("last_seen_at", UTCDateTime(), nullable=True),
        *_base(),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _person_id("session", nullable=False),
        sa.Column("device", sa.String(200), nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("last_seen_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        *_base(),
        sa.UniqueConstraint("token_hash", name="uq_session_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _person_id("link", nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        *_base(),
        sa.UniqueConstraint("token_hash", name="uq_link_token_hash"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take the tables away."""
    for table in ("link", "session", "person"):
        op.drop_table(table)
