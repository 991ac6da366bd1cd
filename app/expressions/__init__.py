"""The one small language of formulas, defaults, row rules and conditions: a typed part of Python's
expressions, which the database works out. There is no second evaluator: the values of a record that is
not yet saved are bound into the SQL.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import sqlalchemy as sa
import sqlalchemy.orm as so

from app import clock
from app.expressions import numbers
from app.expressions.functions import FUNCTIONS
from app.expressions.reading import MOST_PARTS, TOO_DEEP, Reader, Refused, size, tree
from app.expressions.sql import places
from app.expressions.values import Value, sql_type
from app.extensions import utcnow
from app.fields import TYPES, Exact, Field, FieldType
from app.fields.text import Text

DEEPEST, DEEPEST_OF_ALL = 60, 80
"""Places in SQLite's parser for one formula, and for one with those that it is built on; the statement
around them needs the rest."""
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))
"""What no text begins or ends with."""

__all__ = [
    "CLOCK", "FUNCTIONS", "ME", "Expression", "Refused", "around", "compared", "condition",
    "mentioned", "parse", "together", "too_much",
]  # fmt: skip


class _Person(FieldType):
    """The id of a person."""

    name, noun, example, python, stored = "me", "a person", "1", int, sa.Integer


class _Words(Text):
    """A list of texts, which is bound as one; `in` looks into it."""

    name, noun = "texts", "a list of texts"
    python = list  # type: ignore[assignment]


def _named(name: str, kind: FieldType) -> Field:
    return Field(name, name, name, kind)


CLOCK: Mapping[str, Field] = {
    "today": _named("today", TYPES["date"]),
    "now": _named("now", TYPES["date-time"]),
}
"""What an expression may always use: the day in the workspace's time zone, and the moment."""

ME: Mapping[str, Field] = {
    "me": _named("me", _Person()),
    "me.name": _named("me.name", TYPES["text"]),
    "me.email": _named("me.email", TYPES["text"]),
    "me.roles": _named("me.roles", _Words()),
}
"""The person who asks: what a rule or a default may use besides. A formula gives everybody the same."""


AROUND: Mapping[str, Field] = {**CLOCK, **ME}


class Asker(Protocol):
    """An actor, as far as expressions go."""

    @property
    def id(self) -> int:
        """The person's."""

    @property
    def name(self) -> str:
        """The person's."""

    @property
    def email(self) -> str:
        """The person's."""


def around(me: Asker | None = None, roles: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of CLOCK, and those of ME where somebody asks, for `Expression.sql`."""
    found: dict[str, Any] = {"today": clock.today(), "now": utcnow()}
    if me:
        found |= {"me": me.id, "me.name": me.name, "me.email": me.email, "me.roles": roles}
    return found


@dataclass(frozen=True)
class Expression:
    """What `parse` has read. `uses` counts the names that it depends on; `size` is the number of its
    parts."""

    text: str
    value: Value
    names: Mapping[str, Field]
    uses: Mapping[str, int]
    size: int

    @cached_property
    def depth(self) -> int:
        """What it takes of the places that SQLite's parser has."""
        blank: dict[str, Any] = {name: [] if name == "me.roles" else None for name in self.uses}
        return places(self.sql(blank))

    @property
    def field(self) -> Field:
        """A field of the type and with the options that the result needs."""
        return self.value.field

    def sql(self, columns: Mapping[str, Any]) -> sa.ColumnElement[Any]:
        """The result as a column, for SELECT, WHERE, ORDER BY, GROUP BY.

        `columns` has for every name in `uses` a column of the name's field, or a value of it to be
        bound; `around` gives the values of CLOCK and ME. Raises KeyError where one is missing.
        """
        bound = self._bound(columns)
        if self.value.kind == "number":
            found = numbers.stored(self.value, bound)
        else:
            found = self.value.build(bound)
        if self.value.kind == "text" and not self.value.leaf:
            found = sa.func.nullif(sa.func.trim(found, BLANKS), "")
        return sa.type_coerce(found, sql_type(self.field))

    def rule(self, columns: Mapping[str, Any]) -> sa.ColumnElement[bool]:
        """What `condition` has read, for a WHERE or a WHEN, which take NULL for no: what cannot be told is
        no. So an index can be used."""
        found: sa.ColumnElement[bool] = self.value.build(self._bound(columns))
        return found

    def _bound(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _bind(columns[name], self.names[name]) for name in self.uses}


def _bind(found: Any, field: Field) -> Any:
    """A column as it is, but for the type ENUM of a database; anything else as a bound value."""
    if isinstance(found, sa.ColumnElement | so.QueryableAttribute):
        return sa.cast(found, sa.String()) if isinstance(found.type, sa.Enum) else found
    if isinstance(found, list | tuple):
        return list(found)
    kind = sql_type(field)
    bound = sa.literal(found, kind)  # psycopg says of every type but a number what it is
    return sa.cast(bound, kind) if isinstance(kind, Exact) else bound


def parse(
    text: str, names: Mapping[str, Field], around: Mapping[str, Field] = AROUND
) -> Expression:
    """Read an expression over fields by name; those of a link's record are named `link.field`.

    `around` are the names that are there besides and never blank: CLOCK alone for a formula. They win
    over fields. Raises Refused, which has the position and the cure.
    """
    known = {**names, **around}
    found, source = tree(text)
    reader = Reader(source, known, around)
    made = reader.read(found)
    if made.kind in ("empty", "texts"):
        raise Refused("This has no value of its own", 1)
    read = Expression(text, made, known, reader.uses, size(found))
    if read.depth > DEEPEST:
        raise Refused(TOO_DEEP, 1)
    return read


def condition(
    text: str, names: Mapping[str, Field], around: Mapping[str, Field] = AROUND
) -> Expression:
    """The same for what must be yes or no: a row rule, a filter. Raises Refused."""
    made = parse(text, names, around)
    if made.value.kind != "yes-no":
        raise Refused(f"This gives {made.field.type.noun}; a condition is needed, as in x == 1", 1)
    return made


def mentioned(text: str) -> set[str]:
    """The names in an expression, whether there are such or not; of `link.field` both that and `link`.
    Raises Refused."""
    parts = [*ast.walk(tree(text)[0])]
    names = {one.id for one in parts if isinstance(one, ast.Name)}
    dotted = (one for one in parts if isinstance(one, ast.Attribute))
    return names | {ast.unparse(one) for one in dotted if isinstance(one.value, ast.Name)}


INDEXED = (ast.Eq, ast.In)
"""The comparisons that an index of one side answers; of the others, what is blank has to be looked at."""


def compared(text: str) -> set[str]:
    """The names of which an index may help to find what an expression asks for. Raises Refused."""
    parts = (one for one in ast.walk(tree(text)[0]) if isinstance(one, ast.Compare))
    sides = (
        side
        for one in parts
        if all(isinstance(sign, INDEXED) for sign in one.ops)
        for side in (one.left, *one.comparators)
    )
    return {one.id for one in sides if isinstance(one, ast.Name)}


def together(one: Expression, inner: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """The number of parts of an expression and its depth, with those of the names that are expressions
    themselves. Raises Refused where that would take too long."""
    size = one.size + sum(one.uses[name] * parts for name, (parts, _) in inner.items())
    depth = max(one.depth, 1) + max((places for _, places in inner.values()), default=0)
    if too_much(size, depth):
        raise Refused("It builds on too many other formulas; make it of fewer", 1)
    return size, depth


def too_much(size: int, depth: int) -> bool:
    """Whether a statement with so many parts, and so deep, would take too long or find no room."""
    return size > 4 * MOST_PARTS or depth > DEEPEST_OF_ALL
