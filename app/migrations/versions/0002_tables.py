"""Tables that people make: their tools, definitions, history, and jobs.

Revision 0002.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.extensions import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _base() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
    ]


def _person(table: str, column: str, index: bool = False) -> sa.Column[Any]:
    key = sa.ForeignKey("person.id", name=f"fk_{table}_{column}", ondelete="SET NULL")
    return sa.Column(column, sa.Integer(), key, nullable=True, index=index)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tool",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        *_base(),
        sa.UniqueConstraint("name", name="uq_tool_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "definition",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("tool", sa.String(40), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("sql_name", sa.String(90), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("access", sa.String(10), nullable=False),
        _person("definition", "owner_id"),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        *_base(),
        sa.UniqueConstraint("sql_name", name="uq_definition_sql_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "table_id",
            sa.Integer(),
            sa.ForeignKey("definition.id", name="fk_change_table_id"),
            nullable=False,
        ),
        sa.Column("record_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        _person("change", "person_id"),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("trip", sa.String(32), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        *_base(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_change_record", "change", ["table_id", "record_id", "id"])
    op.create_index("ix_change_table", "change", ["table_id", "id"])
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, index=True),
        _person("job", "person_id", index=True),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("message", sa.String(2_000), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=True),
        sa.Column("beat_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        *_base(),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take the tables away."""
    for table in ("job", "change", "definition", "tool"):
        op.drop_table(table)
