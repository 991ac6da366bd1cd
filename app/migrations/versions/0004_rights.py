"""Roles, keys, the audit list; what a session remembers.

Revision 0004.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.extensions import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _base() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
    ]


def _key(table: str, other: str, ondelete: str = "CASCADE") -> sa.ForeignKey:
    return sa.ForeignKey(f"{other}.id", name=f"fk_{table}_{other}_id", ondelete=ondelete)


def upgrade() -> None:
    """Make the tables, and add the columns."""
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        *_base(),
        sa.UniqueConstraint("name", name="uq_role_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "membership",
        sa.Column("person_id", sa.Integer(), _key("membership", "person"), primary_key=True),
        sa.Column(
            "role_id", sa.Integer(), _key("membership", "role"), primary_key=True, index=True
        ),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), _key("token", "person"), nullable=False, index=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("begins", sa.String(12), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("last_used_at", UTCDateTime(), nullable=True),
        *_base(),
        sa.UniqueConstraint("token_hash", name="uq_token_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("about", sa.String(300), nullable=False),
        sa.Column("person_id", sa.Integer(), _key("event", "person", "SET NULL"), nullable=True),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("trip", sa.String(32), nullable=False),
        *_base(),
        sqlite_autoincrement=True,
    )
    for name, length in (("timezone", 60), ("formats", 20)):
        op.add_column(
            "person", sa.Column(name, sa.String(length), nullable=False, server_default="")
        )
    for column in (
        sa.Column("signed_in_at", UTCDateTime(), nullable=False, server_default="2000-01-01 00:00:00"),
        sa.Column("place", sa.String(200), nullable=False, server_default=""),
        sa.Column("remembered", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("previous_hash", sa.String(64), nullable=True),
        sa.Column("rotated_at", UTCDateTime(), nullable=True),
        sa.Column("seeing_id", sa.Integer(), nullable=True),
    ):  # fmt: skip
        op.add_column("session", column)
    op.create_index("ix_session_previous_hash", "session", ["previous_hash"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_session_previous_hash", "session")
    with op.batch_alter_table("session") as batch:
        for name in (
            "signed_in_at", "place", "remembered", "previous_hash", "rotated_at", "seeing_id",
        ):  # fmt: skip
            batch.drop_column(name)
    with op.batch_alter_table("person") as batch:
        batch.drop_column("timezone")
        batch.drop_column("formats")
    for name in ("event", "token", "membership", "role"):
        op.drop_table(name)
