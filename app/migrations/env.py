"""Run by Alembic, for `flask upgrade` (which hands over a connection) and `flask db`.

Only tables of models are looked at; tables that people made are none of Alembic's business.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

from app.extensions import db

version_table: str = context.config.attributes.get("version_table", "alembic_version")


def _is_ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """The core's history keeps to the core's tables, a blueprint's to its own."""
    table = name if kind == "table" else thing.table.name
    prefix = version_table.removeprefix("alembic_version").removeprefix("_")
    return (
        (table or "").startswith(f"{prefix}__")
        if prefix
        else "__" not in (table or "") and table in db.metadata.tables
    )


def _run(connection: Any) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        version_table=version_table,
        include_object=_is_ours,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with current_app.app_context(), db.engine.connect() as own, own.begin():
        _run(own)
