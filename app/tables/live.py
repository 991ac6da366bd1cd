"""A table in use: its declaration, its SQL table and its mapped class."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from secrets import token_hex
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from app.errors import AppError
from app.extensions import NAMES, UTCDateTime, utcnow
from app.fields import TYPES, Field
from app.fields.base import ITSELF, PEOPLE
from app.models import Person
from app.tables.table import SYSTEM, Table


class Live:
    """A table in use. What others make of it once, such as statements, they keep in `memo`.

    `declared` is the table as its definition has it, `table` with what other tables say of its fields.
    `written` says that it is a model of a blueprint, whose columns are the blueprint's to change.
    """

    sql: Any
    """Its SQL table; of an alias, the name under which a statement reads it once more."""

    def __init__(self, table: Table, sql_name: str, model: type[Any] | None = None) -> None:
        self.declared = table
        self.memo: dict[Any, Any] = {}
        self.written = model is not None
        if model is None:
            self.sql = sql_table(table, sql_name)
        else:
            self.model, self.sql = model, model.__table__

    def column(self, name: str) -> sa.ColumnElement[Any]:
        """The column of a stored field. Of a model's text that cannot be null, the blank one is blank."""
        if not self.written:
            return self.sql.c[name]  # type: ignore[no-any-return]
        mapped = sa.inspect(self.model).column_attrs[name].columns[0]
        found: sa.Column[Any] = self.sql.corresponding_column(mapped)
        if isinstance(found.type, sa.String) and not found.nullable:
            return sa.func.nullif(found, "", type_=found.type)
        return found

    @cached_property
    def table(self) -> Table:
        """What everybody but the catalog asks. A field that cannot be found stays as it is declared."""
        found = []
        for one in self.declared.fields:
            with suppress(AppError):
                one = self.field(one.name)
            found.append(one)
        return replace(self.declared, fields=tuple(found))

    def field(self, name: str, path: frozenset[Any] = frozenset()) -> Field:
        """A field with what other tables say of it. Raises AppError where that cannot be found."""
        found = self.declared.by_name[name]
        return found.type.resolved(found, self, path)

    @cached_property
    def columns(self) -> dict[str, sa.ColumnElement[Any]]:
        """What a select has for each field, the system's among them, by name."""
        system = {one.name: self.sql.c[one.name] for one in SYSTEM}
        return {one.name: one.type.expression(one, self) for one in self.table.fields} | system

    @cached_property
    def model(self) -> type[Any]:
        """The class that records of this table are objects of; SQLAlchemy checks their version."""
        model = type(self.table.name, (), {"live": self, "__module__": f"tables.{self.table.tool}"})
        worked_out = {
            name: so.column_property(one, active_history=True)
            for name, one in self.columns.items() if name not in self.sql.c
        }  # fmt: skip
        so.registry(metadata=self.sql.metadata).map_imperatively(
            model, self.sql, properties=worked_out, version_id_col=self.sql.c.version
        )
        return model

    @cached_property
    def title(self) -> Field | None:
        """The field that records are called by, where that is none that links to others."""
        found = self.table.by_name.get(self.table.title)
        return None if found is None or self.target(found) is not None else found

    @cached_property
    def links(self) -> dict[Field, int]:
        """The fields that have numbers of records, with the id of the table of these."""
        fields = self.declared.stored
        return {one: id for one in fields if (id := self.target(one)) is not None}

    @cached_property
    def lists(self) -> dict[str, sa.Table]:
        """The SQL tables of the fields that have several records: pairs of a record and another."""
        return {one.name: pairs(self, one) for one in self.declared.fields if one.type.many}

    @cached_property
    def reads_others(self) -> bool:
        """Whether there are fields that change when another table does."""
        return any(one.type.reads_others for one in self.table.fields)

    def target(self, field: Field) -> int | None:
        """The id of the table that a field of this one links to."""
        found = field.type.target(field)
        return self.declared.id if found == ITSELF else found

    def other(self, table_id: int) -> Live:
        """Another table in use, for what reads it through this one. Raises NotFound."""
        from app.tables import catalog  # which is made of tables in use

        return self if table_id in (ITSELF, self.declared.id) else catalog.by_id(table_id)

    # What somebody's rights leave of it: here all; `app.tables.seen` has the rest -----------------

    @property
    def whole(self) -> Live:
        """The table with all that it has."""
        return self

    partly: frozenset[str] = frozenset()
    """The names of the fields that are seen in some of the records only."""

    @property
    def title_is_partly(self) -> bool:
        """Whether some of the records only are seen with what they are called by."""
        return self.title is not None and self.title.name in self.partly

    def rows(self, action: str) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions that a statement takes which does this to records."""
        return ()

    def rules(self, action: str) -> list[sa.ColumnElement[bool]] | None:
        """The rules of which a record has to meet one; None where all records are open."""
        return None

    def shown(self, field: Field) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions on the records in which a field is seen."""
        return ()

    def of_record(self, record_id: int) -> Live:
        """The table as it is for one record. Raises NotFound where that is not to be seen."""
        return self

    def of_values(self, values: Mapping[str, Any]) -> Live:
        """The same for a record that is not in the database, by its values."""
        return self

    def alias(self) -> Live:
        """The same table, to be read once more in a statement that reads it already."""
        found = Live.__new__(Live)
        found.__dict__ |= {**self.__dict__, "sql": self.sql.alias(), "memo": {}}
        found.__dict__.pop("columns", None)
        return found


def sql_table(table: Table, sql_name: str) -> sa.Table:
    """The SQL table: one column a field, and what every record has. Its indexes are called as nothing
    else is, as a deleted table of the same name may still have its own."""
    apart = {kind: form.replace("%(table_name)s", token_hex(8)) for kind, form in NAMES.items()}
    return sa.Table(
        sql_name,
        sa.MetaData(naming_convention=apart),
        sa.Column("id", sa.Integer, primary_key=True),
        *(column for one in table.fields if (column := one.type.column(one)) is not None),
        sa.Column("version", sa.Integer, nullable=False, default=1),
        sa.Column("created_at", UTCDateTime, nullable=False, default=utcnow),
        sa.Column("updated_at", UTCDateTime, nullable=False, default=utcnow, onupdate=utcnow),
        sqlite_autoincrement=True,
    )


def pairs(live: Live, field: Field) -> sa.Table:
    """The SQL table of a field that has several records. A pair goes when either record does."""
    return sa.Table(
        f"links__{live.declared.id}__{field.id}",
        sa.MetaData(naming_convention=NAMES),
        sa.Column("source", sa.Integer, primary_key=True),
        sa.Column("target", sa.Integer, primary_key=True, index=True),
    )


PEOPLE_TABLE = Live(
    Table(
        PEOPLE, 0, "", "person", "People",
        (
            Field("name", "name", "Name", TYPES["text"]),
            Field("email", "email", "Email", TYPES["text"], unique=True),
            Field("active", "active", "Active", TYPES["yes-no"]),
        ),
        title="name", access="read",
    ),
    Person.__tablename__,
)  # fmt: skip
"""The people who sign in, as a table that others can link to; it has no pages."""
