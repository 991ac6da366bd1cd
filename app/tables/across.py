"""Fields that are read across links: of the linked record, and over the records that link to one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa

from app import expressions
from app.errors import AppError
from app.fields import TYPES, Field, FieldType
from app.fields.base import ITSELF, setting
from app.fields.choice import Choice
from app.fields.link import TableId
from app.fields.names import bare
from app.fields.number import Number
from app.fields.text import Text
from app.tables.derived import TOO_FAR, Derived, Path, cost, giving, register

FUNCTIONS = ("count", "sum", "average", "min", "max")


class Found(NamedTuple):
    """A field of another table, its column, the table that this is of, and the name of the link field."""

    field: Field
    column: sa.ColumnElement[Any]
    there: Any
    link: str


class Across(Derived):
    """What fields have in common that are read across a link, whatever the type of their values."""

    reads_others = True
    read_first: ClassVar[str] = ""
    """The field that is read where none is declared."""

    def place(self, field: Field, live: Any) -> tuple[Any, str]:
        """The other table in use, and the name of the link field. Raises Invalid."""
        raise NotImplementedError

    def linking(self, field: Field, live: Any) -> Any:
        """The table that has the link. Raises AppError."""
        return live.declared

    def takes_places(self, field: Field) -> tuple[int, int]:
        """How often its select has what it reads, and its places in SQLite's parser."""
        return 1, 6

    def result(self, field: Field, read: Field) -> Field:
        """A field of the type of the values. Raises Invalid."""
        return read

    def resolved(self, field: Field, live: Any, path: Path = frozenset()) -> Field:
        path = self.step(field, live, path)
        other, name = self.place(field, live)[0], self._reads(field)
        if name not in other.declared.by_name:
            there = one_of(other.declared.fields)
            raise field.refusal(
                f"needs a field of {other.declared.label}: {there}; “{name}” is none"
            )
        read = other.field(name, path)
        found, target = self.result(field, read), other.target(read)
        options = {
            **found.options,
            **({} if target is None else {"table": target}),
            **field.options,
            "cost": self._cost(field, read),
        }
        return replace(field, type=giving(_base(self), found.type), options=options)

    def _cost(self, field: Field, read: Field) -> tuple[int, int]:
        """One part more than what is read, as often as the select has it. Raises Invalid where that is
        too much for a statement."""
        (size, depth), (times, places) = cost(read), self.takes_places(field)
        found = times * size + 1, depth + places
        if expressions.too_much(*found):
            raise field.refusal(TOO_FAR)
        return found

    def _reads(self, field: Field) -> str:
        return str(field.options.get("field") or self.read_first)

    def found(self, field: Field, live: Any) -> Found:
        """What is read of the other table, for a statement about `live`. Raises AppError."""
        other, link = self.place(field, live)
        there, one = other.alias(), other.table.by_name[self._reads(field)]
        return Found(one, one.type.expression(one, there), there, link)


class Lookup(Across):
    """A field of the linked record. Options: `link`, the name of the field that links, and `field`, that
    of the field of the other table."""

    name = "lookup"
    accepts = "Nothing: it shows a field of the record that another field of the table links to."
    settings = (
        setting("link", "By the link", Text(), "A field that links.", required=True),
        setting("field", "Shows", Text(), "A field of the other table.", required=True),
    )

    def through(self, field: Field) -> Collection[str]:
        return (field.options.get("link", ""),)

    def place(self, field: Field, live: Any) -> tuple[Any, str]:
        name = field.options.get("link", "")
        link = live.declared.by_name.get(name)
        if link is None or link not in live.links or link.type.many:
            there = one_of([one for one in live.links if not one.type.many])
            raise field.refusal(
                f"needs a field that links to one record: {there}; “{name}” is none"
            )
        return live.other(live.links[link]), name

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        one = self.found(field, live)
        query = sa.select(one.column).where(one.there.sql.c.id == live.column(one.link))
        return query.correlate(live.sql).scalar_subquery()


class Rollup(Across):
    """What comes out over the records of another table that link to one. Options: `table`, the other's id;
    `link`, the name of its field that links here; `function`, one of FUNCTIONS; `field`, over which."""

    name, read_first = "rollup", "id"
    accepts = (
        "Nothing: it counts the records that link to this one, or works something out over them."
    )
    usual = {"function": "count"}
    settings = (
        setting("table", "Over the records of", TableId(), "Blank: of the same table."),
        setting("link", "That link here by", Text(), "A field of it.", required=True),
        setting("function", "Shows", Choice(), required=True, default="count", choices=list(FUNCTIONS)),
        setting("field", "Of the field", Text(), "A field of it; for a count, none."),
    )  # fmt: skip

    def needs(self, field: Field) -> Collection[int]:
        table = self.table(field)
        return () if table == ITSELF else (table,)

    def table(self, field: Field) -> int:
        return int(field.options.get("table", ITSELF))

    def linking(self, field: Field, live: Any) -> Any:
        return live.other(self.table(field)).declared

    def place(self, field: Field, live: Any) -> tuple[Any, str]:
        name, other = field.options.get("link", ""), live.other(self.table(field))
        link = other.declared.by_name.get(name)
        if link is None or other.links.get(link) != live.declared.id or link.type.many:
            here = [one for one, id in other.links.items() if id == live.declared.id]
            there = one_of([one for one in here if not one.type.many])
            words = f"needs a field of {other.declared.label} that links to one record here"
            raise field.refusal(f"{words}: {there}; “{name}” is none")
        return other, name

    def takes_places(self, field: Field) -> tuple[int, int]:
        return (8, 18) if field.options.get("function") == "average" else (1, 9)

    def result(self, field: Field, read: Field) -> Field:
        function = field.options.get("function", "count")
        if function == "count":
            return replace(read, type=TYPES["integer"], options={})
        if function not in read.type.aggregates:
            there = ", ".join(["count", *read.type.aggregates])
            raise field.refusal(f"cannot be the {function} of {read.label}; what works is {there}")
        options = {name: one for name, one in read.options.items() if name not in ("min", "max")}
        if function != "average" or not isinstance(read.type, Number):
            return replace(read, options=options)
        scale = read.type.scale(read) + 2
        kind = TYPES["decimal"] if scale == 2 else read.type
        return replace(read, type=kind, options={**options, "scale": scale})

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        one, function = self.found(field, live), field.options.get("function", "count")
        functions: dict[str, Any] = {"count": sa.func.count, **one.field.type.aggregates}
        query = sa.select(functions[function](one.column))
        query = query.where(one.there.column(one.link) == live.sql.c.id)
        return query.correlate(live.sql).scalar_subquery()


def one_of(fields: Collection[Field]) -> str:
    """Fields as a refusal offers them."""
    return " or ".join(one.label for one in [*fields][:10]) or "there is none yet"


def by_names(field: Field, live: Any) -> Field:
    """The field as declared, with the names of other fields where its options have their labels."""
    kind = field.type
    if not isinstance(kind, Across):
        return field
    try:
        options = {
            **field.options,
            "link": _named(kind.linking(field, live), field.options.get("link")),
        }
        field = replace(field, options=options)
        read = _named(kind.place(field, live)[0].declared, options.get("field"))
    except AppError:  # said where the table is made
        return field
    return replace(field, options={**options, **({"field": read} if read else {})})


def _named(table: Any, text: str | None) -> str | None:
    alike = [one.name for one in table.fields if bare(one.label) == bare(text or "")]
    return text if text in table.by_name or len(alike) != 1 else alike[0]


def _base(kind: FieldType) -> Any:
    return Lookup if isinstance(kind, Lookup) else Rollup


register(Lookup, Rollup)
