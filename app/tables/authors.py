"""Fields that say who made a record and who wrote it last, as its history has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from app.fields import TYPES, Field
from app.models import Change
from app.tables.derived import Derived, Path, giving, register


class Author(Derived):
    """A person, read from the history of the record; of one that a spreadsheet brought when its table
    was made, whoever imported that."""

    settings = ()

    def resolved(self, field: Field, live: Any, path: Path = frozenset()) -> Field:
        return replace(field, type=giving(_base(self), TYPES["person"], reads_others=False))

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        entries = sa.select(Change.person_id).where(Change.table_id == live.declared.id)
        own = entries.where(Change.record_id == live.sql.c.id)
        imported = entries.where(Change.record_id.is_(None), Change.action == "import")
        newest = self._one(own).correlate(live.sql).limit(1).scalar_subquery()
        return sa.func.coalesce(newest, imported.limit(1).scalar_subquery())

    def _one(self, entries: Any) -> Any:
        """The entry that tells, first."""
        raise NotImplementedError


class CreatedBy(Author):
    """Who made the record."""

    name = "created-by"
    accepts = "Nothing: it is whoever made the record."

    def _one(self, entries: Any) -> Any:
        return entries.where(Change.action == "create").order_by(Change.id)


class UpdatedBy(Author):
    """Who wrote the record last."""

    name = "updated-by"
    accepts = "Nothing: it is whoever wrote the record last."

    def _one(self, entries: Any) -> Any:
        return entries.order_by(Change.id.desc())


def _base(kind: Any) -> Any:
    return CreatedBy if isinstance(kind, CreatedBy) else UpdatedBy


register(CreatedBy, UpdatedBy)
