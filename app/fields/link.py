"""Links: fields whose values are numbers of records, of another table or of the same.

Here a link is a number. What people see in its place, the title of the record, and how what they type
is found, is in `app.tables.links`: that takes a look into the other table, and the right to it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.fields import lookups
from app.fields.base import FORM, ITSELF, PEOPLE, Field, FieldType, Guess, setting
from app.fields.choice import Choice
from app.fields.inputs import TextBlock, TextBox
from app.fields.lookups import Condition, Lookup
from app.fields.number import Integer

LARGEST = 2**31 - 1
NUMBERED = re.compile(r"(?s:.*\()?#([1-9][0-9]{0,9})\)?|([1-9][0-9]{0,9})", re.ASCII)
"""The number of a record as a form has it: `#12`, `Acme (#12)`, `12`."""
RULES = {
    "block": "is refused",
    "clear": "makes the field blank",
    "delete": "deletes this record with it",
}
"""What the deletion of a record does to those that link to it."""


class TableId(Integer):
    """The number of a table: how a setting says to which one a field links. No table has such a field."""

    name, noun, example = "table", "a table", "3"


class Link(FieldType):
    """The number of one record. Options: `table`, the id of the other table's definition, else it is the
    same table; `on_delete`, one of RULES."""

    name, noun, example = "link", "the number of a record", "12"
    python: ClassVar[type] = int
    accepts = (
        "A record of another table, or of the same. A form and a spreadsheet take its title, the value "
        "of a field that is unique there, or its number as in Acme (#12)."
    )
    stored: ClassVar[type[sa.types.TypeEngine[Any]]] = sa.Integer
    lookups = {**lookups.EVERY, **lookups.SEVERAL}
    json_type = {"type": "integer", "minimum": 1, "maximum": LARGEST}
    usual = {"on_delete": "block"}
    settings: ClassVar[Sequence[Field]] = (
        setting("table", "Links to", TableId(), "Blank: to records of the same table."),
        setting(
            "on_delete", "When the linked record is deleted", Choice(), "One of block, clear, delete.",
            default="block", required=True, choices=list(RULES),
        ),
    )  # fmt: skip
    alone = False
    by: ClassVar[str] = "exact"
    """The lookup that finds what links to a record."""
    offers: str = ""
    """A field of the other table that says yes of the records that forms offer; empty for all."""

    def target(self, field: Field) -> int | None:
        return int(field.options.get("table", ITSELF))

    def on_delete(self, field: Field) -> str:
        return str(field.options.get("on_delete", self.usual["on_delete"]))

    def numbers(self, value: Any) -> tuple[int, ...]:
        """The records that a value has."""
        return (value,) if isinstance(value, int) else ()

    def without(self, value: Any, number: int) -> Any:
        """The value once a record is gone."""
        return None

    def also(self, value: Any, number: int, field: Field) -> Any:
        """The value once a record is back. Raises Invalid where there is no room for it."""
        if value is not None:
            raise field.refusal("has another record by now")
        return number

    def needs(self, field: Field) -> Collection[int]:
        target = self.target(field)
        return () if target in (None, ITSELF, PEOPLE) else (target,)

    def column(self, field: Field) -> sa.Column[Any] | None:
        unique = field.unique or None
        return sa.Column(field.name, sa.Integer, index=True, unique=unique, info=self.info(field))

    def claims(self, column: sa.Column[Any]) -> dict[str, Any] | None:
        return None  # a whole number is a quantity unless its `info` says more

    def sorting(self, field: Field, live: Any) -> tuple[Field, sa.ColumnElement[Any]]:
        """By the title of the linked record, which has a title that is no link itself."""
        column, other = live.columns[field.name], live.other(self.target(field))
        if other.title is None:
            return field, column
        there = other.alias()
        found = sa.select(there.columns[other.title.name]).where(there.sql.c.id == column)
        return other.title, found.scalar_subquery()

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        found = NUMBERED.fullmatch(text)
        number = int(found[1] or found[2]) if found else 0
        plain = notation == FORM or text.isdigit()
        return [number] if plain and 0 < number <= LARGEST else []

    def write(self, value: Any, field: Field, notation: str) -> str:
        return f"#{value}" if notation == FORM else str(value)

    def to_json(self, value: Any, field: Field) -> Any:
        return value

    def from_json(self, value: Any, field: Field) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return super().from_json(str(value), field)
        return super().from_json(value, field)

    def widget(self, field: Field) -> Any:
        return TextBox()

    def show(self, value: Any, field: Field) -> Markup:
        return escape(f"#{value}")

    def takes(self, source: Field, field: Field) -> bool:
        return source.type is self and self.target(source) == self.target(field)

    def guess(self, texts: Collection[str], name: str) -> list[Guess]:
        return []


class Numbers(sa.types.TypeDecorator[tuple[int, ...]]):
    """Numbers that a select has put together as one text, `12,7`. `linking` makes the condition that a
    record has one of some numbers, or at least so many of them."""

    impl, cache_ok = sa.String, True

    def __init__(self, linking: Any = None) -> None:
        super().__init__()
        self.linking = linking

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[int, ...] | None:
        return tuple(sorted(map(int, value.split(",")))) if value else None


@lookups.takes(lookups.values)
def _several(field: Field, texts: Sequence[str]) -> Any:
    """Values with no more numbers together than a statement has room for."""
    values = lookups.several(field, texts)
    if len({one for value in values for one in value or ()}) > lookups.MOST:
        raise lookups.too_many(field)
    return values


@lookups.takes(lookups.value)
def _filled(field: Field, texts: Sequence[str]) -> Any:
    _several(field, texts)
    return lookups.filled(field, texts)


def _all_of(column: Any, value: tuple[int, ...]) -> Condition:
    found: Condition = column.type.linking(value, len(value))
    return found


def _one_of(column: Any, values: list[tuple[int, ...] | None]) -> Condition:
    found: Condition = column.type.linking([one for value in values for one in value or ()])
    return sa.or_(found, column.is_(None)) if None in values else found


class Links(Link):
    """Several records, a sorted tuple of their numbers. Options as of a link; nothing is deleted with one."""

    name, noun, example = "links", "numbers of records", "7, 12"
    python: ClassVar[type] = tuple
    stored: ClassVar[type[sa.types.TypeEngine[Any]]] = Numbers
    accepts = (
        "Several records of another table, or of the same, one a line, each as a link takes it. A form "
        "has a box for each where there are few."
    )
    many, by, usual = True, "has", {"on_delete": "clear"}
    json_type = {"type": "array", "items": Link.json_type, "uniqueItems": True}
    lookups = {
        "has": Lookup("has", _all_of, _filled),
        "in": Lookup("has one of", _one_of, _several),
        "isblank": lookups.EVERY["isblank"],
    }
    settings = (
        Link.settings[0],
        setting(
            "on_delete", "When a linked record is deleted", Choice(), "One of block, clear.",
            default="clear", required=True, choices=["block", "clear"],
        ),
    )  # fmt: skip

    def column(self, field: Field) -> sa.Column[Any] | None:
        return None

    def expression(self, field: Field, live: Any) -> sa.ColumnElement[Any]:
        pairs, id = live.lists[field.name], live.sql.c.id
        text = sa.func.aggregate_strings(sa.cast(pairs.c.target, sa.String), ",")

        def linking(some: Sequence[int], least: int = 1) -> Condition:
            having = sa.select(pairs.c.source).where(pairs.c.target.in_(some))
            having = having.group_by(pairs.c.source).having(sa.func.count() >= least)
            found: Condition = id.in_(having)
            return found

        found = sa.select(sa.type_coerce(text, Numbers(linking))).where(pairs.c.source == id)
        return found.correlate(live.sql).scalar_subquery()

    def only_where(self, column: sa.ColumnElement[Any], shown: Any) -> sa.ColumnElement[Any]:
        having: Any = column.type

        def linking(some: Sequence[int], least: int = 1) -> Condition:
            return sa.and_(shown, having.linking(some, least))

        return sa.type_coerce(super().only_where(column, shown), Numbers(linking))

    def sorting(self, field: Field, live: Any) -> tuple[Field, sa.ColumnElement[Any]]:
        """By how many there are."""
        pairs = live.lists[field.name]
        found = sa.select(sa.func.count()).where(pairs.c.source == live.sql.c.id)
        found = found.where(*live.shown(field))
        count = Field(field.id, field.name, field.label, Integer())
        return count, found.correlate(live.sql).scalar_subquery()

    def numbers(self, value: Any) -> tuple[int, ...]:
        if isinstance(value, str):  # as the database has it
            return tuple(sorted(map(int, value.split(","))))
        return tuple(value) if isinstance(value, tuple) else ()

    def without(self, value: Any, number: int) -> Any:
        return tuple(one for one in value if one != number) or None

    def also(self, value: Any, number: int, field: Field) -> Any:
        return tuple(sorted({*(value or ()), number}))

    def expect(self, texts: Collection[str], field: Field) -> None:
        super().expect([one for text in texts for one in self._parts(text, FORM)], field)

    def _parts(self, text: str, notation: str) -> list[str]:
        parts = text.splitlines() if notation == FORM else text.split(",")
        return [one for part in parts if (one := part.strip())]

    def readings(self, text: str, field: Field, notation: str) -> list[Any]:
        found = [
            super(Links, self).readings(one, field, notation) for one in self._parts(text, notation)
        ]
        if any(len(one) != 1 for one in found):
            return []
        return [tuple(sorted({one[0] for one in found}))] if found else []

    def refusal(self, text: str, found: list[Any], field: Field) -> str:
        """What is wrong with the first that is no record."""
        for one in self._parts(text, FORM):
            if len(there := super().readings(one, field, FORM)) != 1:
                return super().refusal(one, there, field)
        return super().refusal(text, [], field)

    def write(self, value: Any, field: Field, notation: str) -> str:
        between = "\n" if notation == FORM else ", "
        return between.join(super(Links, self).write(one, field, notation) for one in value)

    def posted(self, texts: Sequence[str]) -> str:
        return "\n".join(filter(str.strip, texts))

    def to_json(self, value: Any, field: Field) -> Any:
        return None if value is None else list(value)

    def from_json(self, value: Any, field: Field) -> Any:
        if not isinstance(value, list | None) or None in (value or ()):
            raise field.refusal(f"must be a list of numbers like [{self.example}]")
        numbers = [super(Links, self).from_json(one, field) for one in value or ()]
        return tuple(sorted({one[0] for one in numbers})) or None

    def widget(self, field: Field) -> Any:
        return TextBlock()

    def show(self, value: Any, field: Field) -> Markup:
        return Markup(", ").join(super(Links, self).show(one, field) for one in value)


class Person(Link):
    """Somebody of this workspace. A person who is no longer active stays where they are."""

    name, noun, example = "person", "the number of a person", "1"
    accepts = "Somebody who signs in here, by name or address; forms offer those who are active."
    usual = {"on_delete": "clear"}
    settings, offers = (), "active"

    def target(self, field: Field) -> int | None:
        return PEOPLE
